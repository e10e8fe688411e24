/* number_text.h - numbers as text that reads back to the same bits. */
#ifndef INGEST_NUMBER_TEXT_H
#define INGEST_NUMBER_TEXT_H

#include "stats_state.h"

/* Room for any number below, with its NUL. */
#define NUMBER_TEXT_BYTES 48

/* The shortest of 15, 16 and 17 digits that reads back to the same double: "0.1", "1e+22", "-0",
 * "nan", "inf". Returns `buffer`. */
const char *number_text_f8(double value, char buffer[NUMBER_TEXT_BYTES]);

/* The shortest that reads back to the same float: "0.1", "16777216". */
const char *number_text_f4(float value, char buffer[NUMBER_TEXT_BYTES]);

/* Nine digits, for people. */
const char *number_text_brief(double value, char buffer[NUMBER_TEXT_BYTES]);

const char *number_text_integer(stats_i128 value, char buffer[NUMBER_TEXT_BYTES]);

#endif
