/* value_convert.h - numbers of one dtype to another, without silent loss. */
#ifndef INGEST_VALUE_CONVERT_H
#define INGEST_VALUE_CONVERT_H

#include "dtype.h"

#include <stdbool.h>
#include <stddef.h>

/* Converts `count` elements; any alignment; `from` and `to` do not overlap. To a float a number is
 * rounded to the nearest; to an integer it must be that integer exactly and fit. Returns the index
 * of the first element that does not, or `count`. */
size_t value_convert(enum dtype from_dtype, const void *from, enum dtype to_dtype, void *to,
                     size_t count);

/* Element `index` as text, for a message. Returns `buffer`. */
const char *value_text(enum dtype dtype, const void *values, size_t index, char *buffer,
                       size_t buffer_bytes);

#endif
