/* The bug that the environment variable INGEST_PLANTED names, in programs whose store can have it
 * (planted.h). */
#include "planted.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum planted_bug planted_bug;

__attribute__((constructor)) static void plant(void)
{
    static const char *const names[BUG_COUNT] = {
        [BUG_NONE] = "none",
        [BUG_POSITION_BEFORE_DATA] = "position-before-data",
        [BUG_STAMPS_NOT_SYNCED] = "stamps-not-synced",
        [BUG_NO_RESERVE] = "no-reserve",
        [BUG_ACK_BEFORE_SYNC] = "ack-before-sync",
        [BUG_NO_RECORD_CHECKSUM] = "no-record-checksum",
        [BUG_JOURNAL_RETIRED_EARLY] = "journal-retired-early",
        [BUG_REPLAY_OVER_LAP] = "replay-over-lap",
        [BUG_RUNNING_TOO_EARLY] = "running-too-early",
        [BUG_SESSION_WORD_FIRST] = "session-word-first",
        [BUG_NO_FRONTIER] = "no-frontier",
    };
    const char *wanted = getenv("INGEST_PLANTED");
    for (int i = 0; i < BUG_COUNT; i++) {
        if (names[i] != NULL && strcmp(names[i], wanted == NULL ? "none" : wanted) == 0) {
            planted_bug = (enum planted_bug)i;
            return;
        }
    }
    fprintf(stderr, "INGEST_PLANTED names no bug\n");
    exit(64);
}
