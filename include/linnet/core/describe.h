#ifndef LINNET_CORE_DESCRIBE_H
#define LINNET_CORE_DESCRIBE_H
/** What `linnet inspect` prints: lines of a name and a value, to standard output. Control characters in the value are
 *  escaped (escape.h), and it is cut at 4,095 bytes. */

void describe_line(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
