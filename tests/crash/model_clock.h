/* model_clock.h - the time in the crash tests: it moves when it is asked for, and when a test says
 * so. */
#ifndef INGEST_MODEL_CLOCK_H
#define INGEST_MODEL_CLOCK_H

#include <stdint.h>

extern int64_t model_now_ns;

#endif
