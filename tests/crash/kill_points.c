/* A kill may come between any two stores. The store under test is compiled with the compiler's
 * instrumentation for ThreadSanitizer, which calls a function at every store to memory; here these
 * functions are not ThreadSanitizer's, but ask the test whether the process is killed now. */
#include "kill_points.h"

#include "model_disk.h"

#include <stdatomic.h>
#include <string.h>

void (*kill_point)(void);

static inline void at_store(const void *address)
{
    if (model_owns(address) && kill_point != NULL)
        kill_point();
}

/* The compiler declares them itself. */
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wbuiltin-declaration-mismatch"
#endif

#define READS_AND_WRITES(size)                                                                     \
    void __tsan_read##size(const void *address);                                                   \
    void __tsan_read##size(const void *address)                                                    \
    {                                                                                              \
        (void)address;                                                                             \
    }                                                                                              \
    void __tsan_write##size(void *address);                                                        \
    void __tsan_write##size(void *address)                                                         \
    {                                                                                              \
        at_store(address);                                                                         \
    }                                                                                              \
    void __tsan_unaligned_read##size(const void *address);                                         \
    void __tsan_unaligned_read##size(const void *address)                                          \
    {                                                                                              \
        (void)address;                                                                             \
    }                                                                                              \
    void __tsan_unaligned_write##size(void *address);                                              \
    void __tsan_unaligned_write##size(void *address)                                               \
    {                                                                                              \
        at_store(address);                                                                         \
    }                                                                                              \
    void __tsan_read_write##size(void *address);                                                   \
    void __tsan_read_write##size(void *address)                                                    \
    {                                                                                              \
        at_store(address);                                                                         \
    }                                                                                              \
    void __tsan_unaligned_read_write##size(void *address);                                         \
    void __tsan_unaligned_read_write##size(void *address)                                          \
    {                                                                                              \
        at_store(address);                                                                         \
    }

READS_AND_WRITES(1)
READS_AND_WRITES(2)
READS_AND_WRITES(4)
READS_AND_WRITES(8)
READS_AND_WRITES(16)

void __tsan_read_range(const void *address, size_t length_bytes);
void __tsan_read_range(const void *address, size_t length_bytes)
{
    (void)address;
    (void)length_bytes;
}

void __tsan_write_range(void *address, size_t length_bytes);
void __tsan_write_range(void *address, size_t length_bytes)
{
    (void)length_bytes;
    at_store(address);
}

// NOLINTBEGIN(bugprone-macro-parentheses,performance-no-int-to-ptr): types, and addresses of them
#define ATOMICS(bits, type)                                                                        \
    type __tsan_atomic##bits##_load(const volatile type *address, int order);                      \
    type __tsan_atomic##bits##_load(const volatile type *address, int order)                       \
    {                                                                                              \
        (void)order;                                                                               \
        return __atomic_load_n(address, __ATOMIC_SEQ_CST);                                         \
    }                                                                                              \
    void __tsan_atomic##bits##_store(volatile type *address, type value, int order);               \
    void __tsan_atomic##bits##_store(volatile type *address, type value, int order)                \
    {                                                                                              \
        (void)order;                                                                               \
        at_store((const void *)(uintptr_t)address);                                                \
        __atomic_store_n(address, value, __ATOMIC_SEQ_CST);                                        \
    }                                                                                              \
    type __tsan_atomic##bits##_exchange(volatile type *address, type value, int order);            \
    type __tsan_atomic##bits##_exchange(volatile type *address, type value, int order)             \
    {                                                                                              \
        (void)order;                                                                               \
        at_store((const void *)(uintptr_t)address);                                                \
        return __atomic_exchange_n(address, value, __ATOMIC_SEQ_CST);                              \
    }                                                                                              \
    type __tsan_atomic##bits##_fetch_add(volatile type *address, type value, int order);           \
    type __tsan_atomic##bits##_fetch_add(volatile type *address, type value, int order)            \
    {                                                                                              \
        (void)order;                                                                               \
        at_store((const void *)(uintptr_t)address);                                                \
        return __atomic_fetch_add(address, value, __ATOMIC_SEQ_CST);                               \
    }                                                                                              \
    int __tsan_atomic##bits##_compare_exchange_strong(volatile type *address, type *expected,      \
                                                      type value, int order, int failure);         \
    int __tsan_atomic##bits##_compare_exchange_strong(volatile type *address, type *expected,      \
                                                      type value, int order, int failure)          \
    {                                                                                              \
        (void)order;                                                                               \
        (void)failure;                                                                             \
        return __atomic_compare_exchange_n(address, expected, value, 0, __ATOMIC_SEQ_CST,          \
                                           __ATOMIC_SEQ_CST);                                      \
    }                                                                                              \
    int __tsan_atomic##bits##_compare_exchange_weak(volatile type *address, type *expected,        \
                                                    type value, int order, int failure);           \
    int __tsan_atomic##bits##_compare_exchange_weak(volatile type *address, type *expected,        \
                                                    type value, int order, int failure)            \
    {                                                                                              \
        return __tsan_atomic##bits##_compare_exchange_strong(address, expected, value, order,      \
                                                             failure);                             \
    }                                                                                              \
    type __tsan_atomic##bits##_compare_exchange_val(volatile type *address, type expected,         \
                                                    type value, int order, int failure);           \
    type __tsan_atomic##bits##_compare_exchange_val(volatile type *address, type expected,         \
                                                    type value, int order, int failure)            \
    {                                                                                              \
        __tsan_atomic##bits##_compare_exchange_strong(address, &expected, value, order, failure);  \
        return expected;                                                                           \
    }

ATOMICS(8, uint8_t)
ATOMICS(32, uint32_t)
ATOMICS(64, uint64_t)
// NOLINTEND(bugprone-macro-parentheses,performance-no-int-to-ptr)

void __tsan_atomic_thread_fence(int order);
void __tsan_atomic_thread_fence(int order)
{
    (void)order;
    atomic_thread_fence(memory_order_seq_cst);
}

void __tsan_atomic_signal_fence(int order);
void __tsan_atomic_signal_fence(int order)
{
    (void)order;
    atomic_signal_fence(memory_order_seq_cst);
}

void __tsan_init(void);
void __tsan_init(void)
{
}

void __tsan_func_entry(void *caller);
void __tsan_func_entry(void *caller)
{
    (void)caller;
}

void __tsan_func_exit(void);
void __tsan_func_exit(void)
{
}

/* clang gives these for the copies that it does not turn into stores. */
void *__tsan_memcpy(void *to, const void *from, size_t length_bytes);
void *__tsan_memcpy(void *to, const void *from, size_t length_bytes)
{
    at_store(to);
    return memcpy(to, from, length_bytes);
}

void *__tsan_memmove(void *to, const void *from, size_t length_bytes);
void *__tsan_memmove(void *to, const void *from, size_t length_bytes)
{
    at_store(to);
    return memmove(to, from, length_bytes);
}

void *__tsan_memset(void *to, int value, size_t length_bytes);
void *__tsan_memset(void *to, int value, size_t length_bytes)
{
    at_store(to);
    return memset(to, value, length_bytes);
}
