/* Texts that the model is surely wrong about, and those that are hardest for it. */
#include "report/sections.h"
#include <inttypes.h>
#include <math.h>

size_t texts_to_show(const Run *run, int64_t *indices) {
    size_t wrong, hard;
    most_confidently_wrong(&run->predictions, indices, SHOWN_TEXTS, &wrong);
    hardest(&run->predictions, indices + wrong, SHOWN_TEXTS, &hard);
    return wrong + hard;
}

static void write_text(Html *html, const Run *run, int64_t sample) {
    const RunTexts *texts = &run->texts;
    if (texts->texts && texts->texts[sample])
        html_bytes(html, texts->texts[sample], texts->sizes[sample]);
    else
        html_print(html, "row %" PRId64, run->predictions.rows[sample]);
}

static void write_row(Html *html, const Run *run, int64_t sample) {
    const RunPredictions *p = &run->predictions;
    const bool right = p->guess[sample] == p->truth[sample];
    html_print(html, "<tr><td class=\"text\" dir=\"auto\">");
    write_text(html, run, sample);
    html_print(html, "</td><td>");
    html_text(html, p->label_names[p->truth[sample]]);
    html_print(html, " <small>%.3f</small></td><td>", (double)p->probabilities[sample * p->labels + p->truth[sample]]);
    html_text(html, p->label_names[p->guess[sample]]);
    html_print(html, " <small>%.3f%s</small></td><td class=\"n\">%" PRId64 "</td></tr>", confidence_of(p, sample),
               right ? ", right" : "", p->rows[sample]);
}

static void write_table(Html *html, const Run *run, const char *name, const char *caption, const int64_t *indices,
                        size_t count) {
    if (count == 0) {
        html_print(html, "<p class=\"missing\">%s: there are none.</p>\n", name);
        return;
    }
    html_print(
        html,
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"%s\"><table class=\"texts\"><caption>%s: "
        "<span>%s</span></caption><thead><tr><th scope=\"col\">Text</th><th scope=\"col\">True</th><th "
        "scope=\"col\">Predicted</th><th scope=\"col\" class=\"n\">Row</th></tr></thead><tbody>",
        name, name, caption);
    for (size_t i = 0; i < count; i++) write_row(html, run, indices[i]);
    html_print(html, "</tbody></table></div>\n");
}

void section_texts(Html *html, const Run *run, size_t number, int level) {
    int64_t indices[SHOWN_TEXTS];
    size_t count;
    html_print(html, "<section id=\"texts-%zu\" aria-labelledby=\"texts-%zu-h\"><h%d id=\"texts-%zu-h\">Texts</h%d>\n",
               number, number, level, number, level);
    if (run->predictions.count == 0) {
        html_print(html, "<p class=\"missing\">There are no predictions to choose texts from.</p></section>\n");
        return;
    }
    if (!run->texts.texts) {
        html_print(html, "<p class=\"missing\">The rows of the table stand in place of the texts");
        if (*run->texts.missing) html_print(html, ": ");
        html_text(html, run->texts.missing);
        html_print(html, ".</p>\n");
    }
    most_confidently_wrong(&run->predictions, indices, SHOWN_TEXTS, &count);
    write_table(html, run, "Most confidently wrong", "wrong predictions of the highest probability", indices, count);
    hardest(&run->predictions, indices, SHOWN_TEXTS, &count);
    write_table(html, run, "Hardest", "the two most probable classes are closest to each other", indices, count);
    html_print(html, "</section>\n");
}
