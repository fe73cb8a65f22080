#ifndef LINNET_REPORT_EVENT_RECORD_H
#define LINNET_REPORT_EVENT_RECORD_H
/** What TensorBoard's event files consist of: protobuf messages (tensorboard/compat/proto/event.proto, summary.proto)
 *  in TensorFlow's record framing: length, its checksum, data, their checksum. Not collective. */
#include "report/protobuf.h"
#include <stdbool.h>

/** CRC-32C (Castagnoli; RFC 3720, appendix B.4). */
uint32_t crc32c(const void *bytes, size_t size);

/** Append `event` as a record to `records` and empty it. */
void event_record(Proto *records, Proto *event);

/** An Event of now (seconds since 1970) with a step. */
void event_begin(Proto *event, double seconds, int64_t step);

/** Values of a Summary, the message in which an event carries them. A text is shown by the Text dashboard; `content` is
 *  a message of the HParams plugin, which is emptied. */
void summary_scalar(Proto *summary, const char *tag, double value);
void summary_text(Proto *summary, const char *tag, const char *text);
void summary_hparams(Proto *summary, const char *tag, Proto *content);

/** Append an event with this summary as a record, and empty the summary. */
void summary_record(Proto *records, double seconds, int64_t step, Proto *summary);

/** The records that every file begins with: the format's version, and that a session starts at `step`, by which
 *  TensorBoard forgets what other files of the folder have of this and later steps. */
void session_records(Proto *records, double seconds, int64_t step);

#endif
