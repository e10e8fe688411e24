/* value_rows.h - samples as they are into rows of cells. */
#ifndef INGEST_VALUE_ROWS_H
#define INGEST_VALUE_ROWS_H

#include "columns.h"

/* Puts out the rows of a chunk; the cell of `series`, if there is one, stands already. */
void value_rows_write(const struct series_rows *rows, const struct rows_chunk *chunk,
                      const struct columns *columns, struct output *output);

#endif
