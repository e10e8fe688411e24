/* stats_lanes.h - which of the tables of kernels this processor can run. Internal to stats/. */
#ifndef INGEST_STATS_LANES_H
#define INGEST_STATS_LANES_H

/* Doubles in the widest vectors: 2, 4 (AVX2 and FMA) or 8 (AVX-512 as of 2017). */
unsigned stats_lanes_widest(void);

#endif
