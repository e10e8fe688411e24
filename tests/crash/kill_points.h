/* kill_points.h - the moments at which a process may be killed. */
#ifndef INGEST_KILL_POINTS_H
#define INGEST_KILL_POINTS_H

/* Called before every store of the store under test to a mapped file, where the build has the
 * instrumentation (not under sanitizers). NULL: nobody. */
extern void (*kill_point)(void);

#endif
