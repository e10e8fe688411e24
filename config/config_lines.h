/* config_lines.h - the physical lines of a configuration file, judged before inih sees them.
 *
 * inih cuts long lines and long section names without a word, takes an indented line for more of
 * the value above it, drops what follows a section's ']' and gives no line numbers. So lines are
 * read, counted and judged here, and inih gets only what it reads rightly. */
#ifndef INGEST_CONFIG_LINES_H
#define INGEST_CONFIG_LINES_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define CONFIG_FILE_BYTES_MAX    (4u << 20)
#define CONFIG_SECTION_BYTES_MAX 49u

struct config_lines {
    FILE *file;          /* owned by the caller */
    uint64_t read_bytes; /* so far */
    int number;          /* of the line read last, from 1 */
};

enum config_line {
    CONFIG_LINE_END,
    CONFIG_LINE_BLANK, /* also a comment */
    CONFIG_LINE_SECTION,
    CONFIG_LINE_SETTING,
    CONFIG_LINE_FAULT
};

/* Reads the next line into `text` (of `text_bytes` > 1, at most text_bytes - 1 characters, without
 * its terminator). SECTION: `text` becomes the bare name. FAULT: *ret_fault is a static sentence
 * that says what is wrong and what would be right. Negative errno when reading failed; -EFBIG when
 * the file is above 4 MiB. */
int config_lines_next(struct config_lines *lines, char *text, size_t text_bytes,
                      const char **ret_fault);

#endif
