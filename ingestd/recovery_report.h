/* recovery_report.h - how a store was found when it was opened, and what it took to bring it back.
 */
#ifndef INGEST_RECOVERY_REPORT_H
#define INGEST_RECOVERY_REPORT_H

#include "status_file.h"
#include "store.h"

/* Logs it; of a store that is new or was closed cleanly there is nothing to say. */
void recovery_log(const struct store *store);

/* Writes it into the counters, for ingest-query status. */
void recovery_note(const struct store *store, struct status_file *status);

#endif
