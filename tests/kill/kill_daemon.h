/* kill_daemon.h - real programs as children: the daemon, ingest-query, the Python client. */
#ifndef INGEST_KILL_DAEMON_H
#define INGEST_KILL_DAEMON_H

#include "kill_shared.h"

#include <stdbool.h>
#include <sys/types.h>

struct kill_programs {
    const char *ingestd;
    const char *query;
    const char *python; /* NULL = no Python client */
    const char *client; /* its script */
};

/* Writes the configuration of the next start: the flush interval differs. */
void kill_daemon_configure(const struct kill_shared *shared, const char *folder, unsigned flush_ms);

/* Starts a program with its output in folder/log (the daemon's) or folder/`name`. */
pid_t kill_daemon_start(const struct kill_programs *programs, const char *folder);
pid_t kill_program_start(char *const argv[], const char *folder, const char *name);

/* True when it still runs; else *ret_status is what waitpid() said. */
bool kill_program_runs(pid_t pid, int *ret_status);

/* SIGKILL, and waits for the end. True when that is what ended it. */
bool kill_program_kill(pid_t pid, int *ret_status);

/* Waits for the end; kills it when that takes longer. True when it ended with `exit_code`. */
bool kill_program_wait(pid_t pid, int timeout_ms, int exit_code, int *ret_status);

/* "exit 74", "signal 11"; a buffer of its own. */
const char *kill_status_text(int status);

/* Copies the end of a file of the folder to standard error. */
void kill_show_log(const char *folder, const char *name);

#endif
