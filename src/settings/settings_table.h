#ifndef LINNET_SETTINGS_SETTINGS_TABLE_H
#define LINNET_SETTINGS_SETTINGS_TABLE_H
/** The configuration's tables: the keys that linnet acts on (settings_table.c), and the other keys of TrainingArguments
 *  and of Trainer's example scripts (settings_foreign.c). Private to the settings_*.c files. */
#include "linnet/settings/settings.h"
#include <cjson/cJSON.h>

typedef enum {
    SETTING_PATH,    /**< char *, a file or folder; a leading ~ is the home folder */
    SETTING_RESUME,  /**< char *, a folder, "auto" or NULL; true and false stand for the last two */
    SETTING_OBJECT,  /**< char *, a JSON object as text, or NULL: also where the object is empty */
    SETTING_WEIGHTS, /**< char *, "balanced", a list or an object of weights as JSON text, or NULL */
    SETTING_NAMES,   /**< char *, a JSON list of texts as text, or NULL; a text alone is a list of one */
    SETTING_METRIC,  /**< char *, without an eval_ before it; settings_check_metric() tells which there are */
    SETTING_FILES,   /**< NamedFiles, a path, or an object of names and paths */
    SETTING_INT,     /**< int64_t */
    SETTING_REAL,    /**< double */
    SETTING_STEPS,   /**< double: an integer of updates, or a fraction of all updates below 1 */
    SETTING_BOOL,    /**< bool */
    SETTING_LIST,    /**< uint32_t, a bit for each of choices; a name or a list of names, or "none" or "all" alone */
    SETTING_CHOICE   /**< an enum, whose values are indices into choices */
} SettingType;

typedef struct {
    const char *key;
    SettingType type;
    size_t offset;              /**< of the field in Settings */
    const char *fallback;       /**< the default as JSON */
    double none;                /**< the number that null is stored as, where it is the default */
    bool null_is_zero;          /**< null is not the default but 0 */
    double minimum, maximum;    /**< of a number */
    bool open;                  /**< the number must be above the minimum */
    bool open_end;              /**< the number must be below the maximum */
    bool required;              /**< the user must give a value other than null */
    bool own;                   /**< linnet's own key: TrainingArguments does not have it */
    bool fixed;                 /**< a run has one value from its start to its end */
    bool updates;               /**< it acts on updates alone: without one left it has no effect */
    bool place;                 /**< where a run reads and writes: it says nothing about the run */
    const char *const *choices; /**< ends with NULL */
    const char *const *ignored; /**< of a list: names without effect in linnet, of which a warning tells; likewise */
    const char *help;           /**< one line, in Markdown */
} SettingRow;

#define SETTINGS_COUNT 68
extern const SettingRow SETTING_ROWS[];

/** Where a key that linnet does not act on comes from. */
typedef enum {
    OF_TRANSFORMERS_5, /**< TrainingArguments of 5.0 to 5.24 */
    OF_TRANSFORMERS_4, /**< TrainingArguments of 4.1 to 4.57, no longer in 5 */
    OF_SCRIPTS         /**< run_classification.py and run_glue.py, or an argument of a callback */
} ForeignOrigin;

typedef enum {
    FOREIGN_CHECKED, /**< another value asks for what linnet cannot do: an error */
    FOREIGN_UNUSED,  /**< another value has no effect: a warning names the key */
    FOREIGN_RENAMED  /**< another value becomes that of the key in `text` */
} ForeignKind;

typedef struct {
    const char *key;
    ForeignOrigin origin;
    ForeignKind kind;
    const char *silent; /**< JSON array of the values, besides null, that are taken without a word: the defaults of all
                         *   versions, and what describes linnet; an object stands for each part of it */
    const char *text;   /**< what linnet does, or the key's name now; in Markdown */
} ForeignRow;

#define FOREIGN_COUNT 147
extern const ForeignRow FOREIGN_ROWS[];

/** All keys by one index: SETTING_ROWS, then FOREIGN_ROWS. */
enum { KEYS_COUNT = SETTINGS_COUNT + FOREIGN_COUNT };
const char *settings_key(size_t i);
/** The index of a key; KEYS_COUNT if there is no such key. */
size_t settings_find_key(const char *key);
/** Whether a key takes true or false. */
bool settings_is_flag(size_t key);

/** Whether null or `value` is one of the row's silent values. */
bool foreign_is_silent(const ForeignRow *row, const cJSON *value);

#define FOREIGN_RANGE_TEXT 320
/** A row's silent values, for messages and for the page: "false or null". */
void foreign_range(const ForeignRow *row, char text[FOREIGN_RANGE_TEXT]);

#define SETTING_RANGE_TEXT 256
/** The values that a row accepts, for messages and for the page: "an integer of at least 1"; with its upper bound also
 *  where that only guards the arithmetic, if `maximum`. */
void setting_range(const SettingRow *row, bool maximum, char text[SETTING_RANGE_TEXT]);

/** Whether a name of a list has no effect in linnet. */
bool setting_ignores(const SettingRow *row, const char *name);

/** Whether a row's field is a text that the Settings own. */
bool setting_is_text(const SettingRow *row);

/** The field of a row in settings. */
void *setting_field(const SettingRow *row, Settings *settings);

#endif
