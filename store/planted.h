/* planted.h - bugs that the crash tests plant, to see that they would find them. Only a library
 * built with INGEST_PLANTED_BUGS has them; in every other build PLANTED() is false and costs
 * nothing. */
#ifndef INGEST_PLANTED_H
#define INGEST_PLANTED_H

enum planted_bug {
    BUG_NONE,
    BUG_POSITION_BEFORE_DATA, /* a large tail's position is journaled before its columns are synced
                               */
    BUG_STAMPS_NOT_SYNCED,    /* one column of a large tail is left out */
    BUG_NO_RESERVE,           /* a ring shows after a power cut what may have been overwritten */
    BUG_ACK_BEFORE_SYNC,      /* told as durable before the journal is synced */
    BUG_NO_RECORD_CHECKSUM,
    BUG_JOURNAL_RETIRED_EARLY, /* before the next one's snapshot is synced */
    BUG_REPLAY_OVER_LAP,       /* inline rows are written although their ring has lapped them */
    BUG_RUNNING_TOO_EARLY,     /* STATE says running before recovery ends */
    BUG_SESSION_WORD_FIRST,    /* the words of a session's entry in the wrong order */
    BUG_NO_FRONTIER,           /* readers do not look at the frontier */
    BUG_SUMMARIES_TRUSTED,     /* summaries are kept as they are after a power cut */
    BUG_COUNT
};

#ifdef INGEST_PLANTED_BUGS
extern enum planted_bug planted_bug;
#define PLANTED(bug) (planted_bug == (bug))
#else
#define PLANTED(bug) 0
#endif

#endif
