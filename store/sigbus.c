#include "sigbus.h"

#include "file_system.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

/* As many mappings as Linux gives a process by default. Only what is used is ever touched. */
#define SIGBUS_GUARDS 65536

struct sigbus_range {
    _Atomic uintptr_t begin; /* SIGBUS_FREE, SIGBUS_CLAIMED, or the address: published last */
    _Atomic uintptr_t end;
    atomic_bool fault;
};
#define SIGBUS_FREE    0
#define SIGBUS_CLAIMED 1

_Static_assert(ATOMIC_POINTER_LOCK_FREE == 2 && ATOMIC_BOOL_LOCK_FREE == 2,
               "a signal handler may use them");

static struct sigbus_range sigbus_ranges[SIGBUS_GUARDS];
static atomic_uint sigbus_used; /* one past the highest range ever claimed */
static atomic_uint sigbus_next; /* where a free one is looked for first */
static uintptr_t sigbus_page_bytes;

static struct sigbus_range *sigbus_find(uintptr_t address)
{
    unsigned used = atomic_load_explicit(&sigbus_used, memory_order_acquire);
    for (unsigned i = 0; i < used; i++) {
        struct sigbus_range *range = &sigbus_ranges[i];
        uintptr_t begin = atomic_load_explicit(&range->begin, memory_order_acquire);
        if (begin > SIGBUS_CLAIMED && address >= begin &&
            address < atomic_load_explicit(&range->end, memory_order_relaxed))
            return range;
    }
    return NULL;
}

/* One thread sets and one thread faults: the writer's. */
static bool (*sigbus_writer_owns)(const void *address, void *context);
static void *sigbus_writer;

void sigbus_set_writer(bool (*owns)(const void *address, void *context), void *context)
{
    sigbus_writer_owns = NULL;
    atomic_signal_fence(memory_order_seq_cst);
    sigbus_writer = context;
    atomic_signal_fence(memory_order_seq_cst);
    sigbus_writer_owns = owns;
}

static void sigbus_handle(int number, siginfo_t *info, void *context)
{
    (void)context;
    int errno_before = errno;
    if (info->si_code == BUS_ADRERR) {
        uintptr_t address = (uintptr_t)info->si_addr;
        struct sigbus_range *range = sigbus_find(address);
        char *page = (char *)info->si_addr - (address & (sigbus_page_bytes - 1));
        bool is_writers = range == NULL && sigbus_writer_owns != NULL &&
                          sigbus_writer_owns(info->si_addr, sigbus_writer);
        if ((range != NULL || is_writers) && fs_map_zeros_over(page, sigbus_page_bytes) == 0) {
            if (range != NULL)
                atomic_store_explicit(&range->fault, true, memory_order_relaxed);
            errno = errno_before;
            return;
        }
    }
    /* Not ours. A fault comes again when the handler returns; a signal that was sent must be sent
     * again. */
    struct sigaction action = {.sa_handler = SIG_DFL};
    (void)sigaction(number, &action, NULL);
    if (info->si_code != BUS_ADRERR)
        (void)raise(number);
    errno = errno_before;
}

int sigbus_install(void)
{
    sigbus_page_bytes = fs_page_bytes();
    struct sigaction action = {.sa_sigaction = sigbus_handle, .sa_flags = SA_SIGINFO};
    return sigaction(SIGBUS, &action, NULL) < 0 ? -errno : 0;
}

int sigbus_guard(const void *address, size_t length_bytes, int *ret_guard)
{
    unsigned from = atomic_load_explicit(&sigbus_next, memory_order_relaxed);
    for (unsigned i = 0; i < SIGBUS_GUARDS; i++) {
        unsigned slot = (from + i) % SIGBUS_GUARDS;
        struct sigbus_range *range = &sigbus_ranges[slot];
        uintptr_t expected = SIGBUS_FREE;
        if (!atomic_compare_exchange_strong_explicit(&range->begin, &expected, SIGBUS_CLAIMED,
                                                     memory_order_acquire, memory_order_relaxed))
            continue;
        atomic_store_explicit(&range->end, (uintptr_t)address + length_bytes, memory_order_relaxed);
        atomic_store_explicit(&range->fault, false, memory_order_relaxed);
        atomic_store_explicit(&range->begin, (uintptr_t)address, memory_order_release);
        unsigned used = atomic_load_explicit(&sigbus_used, memory_order_relaxed);
        while (used <= slot &&
               !atomic_compare_exchange_weak_explicit(&sigbus_used, &used, slot + 1,
                                                      memory_order_release, memory_order_relaxed))
            ;
        atomic_store_explicit(&sigbus_next, slot + 1, memory_order_relaxed);
        *ret_guard = (int)slot;
        return 0;
    }
    return -ENOSPC;
}

void sigbus_release(int guard)
{
    if (guard < 0)
        return;
    atomic_store_explicit(&sigbus_ranges[guard].begin, SIGBUS_FREE, memory_order_release);
    /* The lowest known free one is taken first, so that the table stays short. */
    unsigned next = atomic_load_explicit(&sigbus_next, memory_order_relaxed);
    if ((unsigned)guard < next)
        atomic_store_explicit(&sigbus_next, (unsigned)guard, memory_order_relaxed);
}

bool sigbus_fault(int guard)
{
    /* The compiler must not ask before the reads that the answer is about. */
    atomic_signal_fence(memory_order_seq_cst);
    return guard >= 0 && atomic_load_explicit(&sigbus_ranges[guard].fault, memory_order_relaxed);
}
