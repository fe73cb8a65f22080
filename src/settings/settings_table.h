#ifndef LINNET_SETTINGS_SETTINGS_TABLE_H
#define LINNET_SETTINGS_SETTINGS_TABLE_H
/** The configuration's tables: the keys that linnet acts on (settings_table.c), and the other keys of TrainingArguments
 *  (settings_foreign.c). Private to the settings_*.c files. */
#include "linnet/settings/settings.h"

typedef enum {
    SETTING_PATH,   /**< char *, a file or folder; a leading ~ is the home folder */
    SETTING_RESUME, /**< char *, a folder, "auto" or NULL; true and false stand for the last two */
    SETTING_METRIC, /**< char *, one of choices, also written with eval_ before it */
    SETTING_INT,    /**< int64_t */
    SETTING_REAL,   /**< double */
    SETTING_STEPS,  /**< double: an integer of updates, or a fraction of all updates below 1 */
    SETTING_BOOL,   /**< bool */
    SETTING_CHOICE  /**< an enum, whose values are indices into choices */
} SettingType;

typedef struct {
    const char *key;
    SettingType type;
    size_t offset;              /**< of the field in Settings */
    const char *fallback;       /**< the default as JSON */
    double none;                /**< the number that null is stored as */
    double minimum, maximum;    /**< of a number */
    bool open;                  /**< the number must be above the minimum */
    bool open_end;              /**< the number must be below the maximum */
    bool required;              /**< the user must give a value other than null */
    bool own;                   /**< linnet's own key: TrainingArguments does not have it */
    const char *const *choices; /**< ends with NULL */
    const char *help;           /**< one line, in Markdown */
} SettingRow;

#define SETTINGS_COUNT 44
extern const SettingRow SETTING_ROWS[];

/** A key of TrainingArguments that linnet supports in part: it accepts the values that describe what linnet does. */
typedef struct {
    const char *key;
    const char *accepted; /**< JSON array of these values, without null, which is always accepted */
    const char *instead;  /**< what linnet does, for the error message about any other value */
} ForeignRow;

#define FOREIGN_COUNT 29
extern const ForeignRow FOREIGN_ROWS[];

/** Keys of TrainingArguments that linnet ignores, whatever their value. */
#define IGNORED_COUNT 57
extern const char *const IGNORED_KEYS[];

/** All keys by one index: SETTING_ROWS, FOREIGN_ROWS, IGNORED_KEYS, and data_seed, which must be null or equal to
 *  seed. */
enum { DATA_SEED = SETTINGS_COUNT + FOREIGN_COUNT + IGNORED_COUNT, KEYS_COUNT };
const char *settings_key(size_t i);

#define FOREIGN_RANGE_TEXT 256
/** The values that a row accepts, for messages and for the page: "false or null". */
void foreign_range(const ForeignRow *row, char text[FOREIGN_RANGE_TEXT]);

/** A key that Transformers 5 no longer has, and the key that replaced it. */
typedef struct {
    const char *key, *now;
} RenamedRow;

#define RENAMED_COUNT 6
extern const RenamedRow RENAMED_ROWS[];

#define SETTING_RANGE_TEXT 128
/** The values that a row accepts, for messages and for the page: "an integer of at least 1"; with its upper bound also
 *  where that only guards the arithmetic, if `maximum`. */
void setting_range(const SettingRow *row, bool maximum, char text[SETTING_RANGE_TEXT]);

/** The field of a row in settings. */
void *setting_field(const SettingRow *row, Settings *settings);

#endif
