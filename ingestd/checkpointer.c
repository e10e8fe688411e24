#include "checkpointer.h"

#include "clock_ns.h"
#include "log.h"

#include <poll.h>
#include <string.h>
#include <sysexits.h>

/* After one for which there was no memory. */
#define RETRY_NS NS_PER_S

int checkpointer_run(void *job, struct error_text *error)
{
    return store_checkpoint_run(job, error);
}

void checkpointer_start(struct daemon *daemon)
{
    daemon->checkpoint = (struct checkpoint_state){
        .next_ns = daemon->now_ns + daemon->current->checkpoint_interval_ns,
    };
}

void checkpointer_turn(struct daemon *daemon)
{
    struct checkpoint_state *state = &daemon->checkpoint;
    if (state->is_running ||
        (daemon->now_ns < state->next_ns && !store_checkpoint_is_due(daemon->store)))
        return;
    struct store_checkpoint *checkpoint;
    if (store_checkpoint_begin(daemon->store, &checkpoint) < 0) {
        state->next_ns = daemon->now_ns + RETRY_NS;
        return;
    }
    state->next_ns = daemon->now_ns + daemon->current->checkpoint_interval_ns;
    if (checkpoint == NULL)
        return;
    state->is_running = true;
    state->started_ns = daemon->now_ns;
    worker_submit(daemon->checkpointer, checkpoint);
}

void checkpointer_collect(struct daemon *daemon)
{
    struct checkpoint_state *state = &daemon->checkpoint;
    struct error_text error;
    void *checkpoint;
    int result;
    if (worker_collect(daemon->checkpointer, &checkpoint, &result, &error) < 0)
        return;
    store_checkpoint_end(daemon->store, checkpoint, result == 0);
    state->is_running = false;
    if (result < 0) {
        log_error("cannot make the store durable: %s; stopping, the restart recovers from the "
                  "journal",
                  error.text[0] != '\0' ? error.text : strerror(-result));
        daemon_fail(daemon, EX_IOERR);
        return;
    }
    status_add(daemon->status, STATUS_CHECKPOINTS, 1);
    status_set(daemon->status, STATUS_CHECKPOINT_LAST_NS, clock_realtime_ns());
    status_set(daemon->status, STATUS_CHECKPOINT_DURATION_NS,
               clock_monotonic_ns() - state->started_ns);
}

void checkpointer_wait(struct daemon *daemon)
{
    struct pollfd done = {.fd = worker_fd(daemon->checkpointer), .events = POLLIN};
    while (daemon->checkpoint.is_running) {
        if (poll(&done, 1, 1000) > 0)
            checkpointer_collect(daemon);
        else
            notify_send(&daemon->notify, "EXTEND_TIMEOUT_USEC=30000000\nWATCHDOG=1");
    }
}
