#include "recovery_report.h"

#include "clock_ns.h"
#include "log.h"

#include <inttypes.h>

void recovery_note(const struct store *store, struct status_file *status)
{
    struct store_recovery recovery;
    store_recovery(store, &recovery);
    status_set(status, STATUS_RECOVERY, (int64_t)recovery.start);
    status_set(status, STATUS_RECOVERY_ROWS, (int64_t)recovery.rows_written);
    status_set(status, STATUS_RECOVERY_LOST, (int64_t)recovery.rows_lost_min);
    status_set(status, STATUS_RECOVERY_GIVEN_UP, (int64_t)recovery.rows_given_up);
    status_set(status, STATUS_RECOVERY_SERIES_LOST, (int64_t)recovery.series_lost);
    status_set(status, STATUS_RECOVERY_DURATION_NS, recovery.duration_ns);
}

void recovery_log(const struct store *store)
{
    struct store_recovery recovery;
    store_recovery(store, &recovery);
    if (recovery.series_removed > 0)
        log_notice("a deletion that was cut short is finished: series=%" PRIu64,
                   recovery.series_removed);
    if (recovery.start == STORE_START_KILLED)
        log_notice("the daemon before this one was killed: all that it stored is there");
    if (recovery.start != STORE_START_POWER)
        return;
    log_warning("recovered from the journal (%s): records=%" PRIu64 " rows_written=%" PRIu64
                " rows_lost_at_least=%" PRIu64 " oldest_rows_given_up=%" PRIu64
                " series_made=%" PRIu64 " series_forgotten=%" PRIu64 " series_lost=%" PRIu64
                " in %" PRId64 " ms; gateways send again what was not durable",
                recovery.reason, recovery.records, recovery.rows_written, recovery.rows_lost_min,
                recovery.rows_given_up, recovery.series_made, recovery.series_forgotten,
                recovery.series_lost, recovery.duration_ns / NS_PER_MS);
    if (recovery.series_lost > 0)
        log_error("%" PRIu64 " series lost files that the journal cannot give back: "
                  "ingest-query verify names them",
                  recovery.series_lost);
}
