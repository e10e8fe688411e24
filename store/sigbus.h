/* sigbus.h - survives touching a mapped page that is not there: the file was truncated, or the disk
 * could not read it.
 *
 * The process's SIGBUS handler looks the address up in a table of guarded ranges. In one of them it
 * maps a page of zeros over the lost one, remembers that, and lets the reading go on; elsewhere the
 * signal does what it does by default. Any thread; the table is lock-free, since a handler may run
 * between any two instructions. */
#ifndef INGEST_SIGBUS_H
#define INGEST_SIGBUS_H

#include <stdbool.h>
#include <stddef.h>

/* Installs the handler, once a process. 0 or -errno. */
int sigbus_install(void);

/* Guards a read-only mapping; *ret_guard names it. -ENOSPC: 65,536 are guarded already. */
int sigbus_guard(const void *address, size_t length_bytes, int *ret_guard);

/* Ends the guard; call before the mapping goes. Negative: nothing. */
void sigbus_release(int guard);

/* The mappings of the process's one writer need no guard each: the handler asks `owns` whether an
 * address lies in one, in the thread that touched it, which is the writer's own. NULL: nobody. */
void sigbus_set_writer(bool (*owns)(const void *address, void *context), void *context);

/* True when a page of the range was lost since it is guarded. Negative: false. */
bool sigbus_fault(int guard);

#endif
