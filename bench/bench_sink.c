/* bench_sink: receives frames and does nothing with them: what any daemon on ZeroMQ costs at least.
 *
 *     bench_sink pull|router ENDPOINT COUNTER_FILE
 *
 * Counts frames and bytes in two mapped words of COUNTER_FILE; ends on SIGTERM. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zmq.h>

static volatile sig_atomic_t stopped;

static void stop(int signal_number)
{
    (void)signal_number;
    stopped = 1;
}

static _Atomic uint64_t *counters_map(const char *path)
{
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || ftruncate(file, 4096) != 0)
        return NULL;
    void *words = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    return words == MAP_FAILED ? NULL : words;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: bench_sink pull|router ENDPOINT COUNTER_FILE\n");
        return 64;
    }
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGTERM, &action, NULL);

    _Atomic uint64_t *counters = counters_map(argv[3]);
    void *context = zmq_ctx_new();
    void *socket = zmq_socket(context, strcmp(argv[1], "pull") == 0 ? ZMQ_PULL : ZMQ_ROUTER);
    if (counters == NULL || socket == NULL || zmq_bind(socket, argv[2]) != 0) {
        perror(argv[2]);
        return 74;
    }
    while (!stopped) {
        zmq_msg_t part;
        zmq_msg_init(&part);
        if (zmq_msg_recv(&part, socket, 0) < 0) {
            zmq_msg_close(&part);
            continue;
        }
        /* A routing id is followed by the frame: only the last part of a message counts. */
        if (!zmq_msg_more(&part)) {
            uint64_t bytes = atomic_load_explicit(&counters[1], memory_order_relaxed);
            atomic_store_explicit(&counters[1], bytes + zmq_msg_size(&part), memory_order_relaxed);
            uint64_t frames = atomic_load_explicit(&counters[0], memory_order_relaxed);
            atomic_store_explicit(&counters[0], frames + 1, memory_order_release);
        }
        zmq_msg_close(&part);
    }
    int linger_ms = 0;
    zmq_setsockopt(socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
    zmq_close(socket);
    zmq_ctx_term(context);
    return 0;
}
