/* refusals.h - one line in the log for each refusal, so many a second at most, in a form that grep
 * and awk take apart:
 *
 *   refused code=TYPE_MISMATCH gateway="pump-7" peer=10.0.0.9 session=00000000000000ff sequence=12
 *           series="plant1/temp" reason="..." blocks=1 suppressed=0
 *
 * (one line; with CURVE certificate="pump-7" stands before `reason`). `suppressed` counts the
 * refusals of that code since its last line. */
#ifndef INGEST_REFUSALS_H
#define INGEST_REFUSALS_H

#include "log.h"
#include "verdict.h"

struct refusals {
    struct log_limit limits[WIRE_CODE_END]; /* by code */
};

void refusals_init(struct refusals *refusals);

/* True when a line for that code may be written now; then *ret_suppressed goes with it. Ask before
 * what the line needs is made. */
bool refusals_allow(struct refusals *refusals, enum wire_code code, int64_t now_monotonic_ns,
                    uint64_t *ret_suppressed);

/* Writes the line. The gateway's name is printable; "" where it is not known. `certificate` is the
 * name of the sender's, NULL without CURVE: then the line has none. */
void refusals_log(const struct verdict *verdict, const char *gateway, const char *peer,
                  const char *certificate, uint64_t session, uint64_t sequence,
                  uint64_t suppressed);

#endif
