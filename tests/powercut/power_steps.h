/* power_steps.h - kills this process at a step of its own: the n-th call by which the store changes
 * files. The calls are wrapped by the linker (POWER_STEPS in CMakeLists.txt). */
#ifndef INGEST_POWER_STEPS_H
#define INGEST_POWER_STEPS_H

#include <stdint.h>

/* Dies by SIGKILL before step `step`; 0: never. */
void power_steps_kill_at(uint64_t step);

/* Steps done until now. */
uint64_t power_steps_done(void);

#endif
