/* standard_streams.h - standard input, output and error of a program. */
#ifndef INGEST_STANDARD_STREAMS_H
#define INGEST_STANDARD_STREAMS_H

/* Takes the numbers of those that are closed, or the next file opened would get one, and what is
 * printed would be written into it. Printing still fails. Call first in main(); aborts where even
 * /dev/null cannot be opened. */
void standard_streams_take(void);

/* Flushes standard output. 0, or -errno of anything that was printed to it and did not get there;
 * also 0 where the reader of a pipe has gone. */
int standard_output_flush(void);

#endif
