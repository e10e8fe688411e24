#include "refusals.h"

#include "clock_ns.h"
#include "printable.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LINES_AT_ONCE 10

void refusals_init(struct refusals *refusals)
{
    for (size_t i = 0; i < WIRE_CODE_END; i++)
        refusals->limits[i] = (struct log_limit){.interval_ns = NS_PER_S, .burst = LINES_AT_ONCE};
}

bool refusals_allow(struct refusals *refusals, enum wire_code code, int64_t now_monotonic_ns,
                    uint64_t *ret_suppressed)
{
    return log_limit_allow(&refusals->limits[code], now_monotonic_ns, ret_suppressed);
}

void refusals_log(const struct verdict *verdict, const char *gateway, const char *peer,
                  const char *certificate, uint64_t session, uint64_t sequence, uint64_t suppressed)
{
    char reason[WIRE_REPLY_TEXT_MAX + 1];
    printable_copy(reason, sizeof reason, verdict->text, strlen(verdict->text));
    /* A gap is how a stream finds its place again after a restart: nothing for an operator to mend.
     */
    enum log_level level = verdict->code == WIRE_GAP ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING;
    /* Of a frame that was refused as a whole no block was looked at, and how many there are is not
     * known. */
    char blocks[32] = "";
    if (verdict->refused_blocks > 0)
        snprintf(blocks, sizeof blocks, " blocks=%" PRIu32, verdict->refused_blocks);
    log_message(level,
                "refused code=%s gateway=\"%s\" peer=%s session=%016" PRIx64 " sequence=%" PRIu64
                " series=\"%s\"%s%s%s reason=\"%s\"%s suppressed=%" PRIu64,
                wire_code_name(verdict->code), gateway, peer, session, sequence, verdict->series,
                certificate != NULL ? " certificate=\"" : "",
                certificate != NULL ? certificate : "", certificate != NULL ? "\"" : "", reason,
                blocks, suppressed);
}
