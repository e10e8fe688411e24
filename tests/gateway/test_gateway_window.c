#include "gateway_window.h"

#include "cmocka_tests.h"

#include <stdlib.h>
#include <string.h>

static uint8_t *make_frame(size_t length, uint8_t content)
{
    uint8_t *bytes = malloc(length);
    assert_non_null(bytes);
    memset(bytes, content, length);
    return bytes;
}

static void test_frames_are_found_until_they_are_forgotten(void **state)
{
    (void)state;
    struct gateway_window window;
    assert_int_equal(gateway_window_open(&window, 4, 1000, 1), 0);
    for (uint64_t sequence = 1; sequence <= 50; sequence++) {
        while (!gateway_window_has_room(&window, 10))
            gateway_window_forget(&window, window.first);
        assert_true(window.next == sequence);
        gateway_window_append(&window, make_frame(10, (uint8_t)sequence), 10, 0);
        uint64_t oldest = sequence < 4 ? 1 : sequence - 3;
        assert_null(gateway_window_find(&window, oldest - 1));
        assert_null(gateway_window_find(&window, sequence + 1));
        for (uint64_t held = oldest; held <= sequence; held++) {
            const struct gateway_frame *frame = gateway_window_find(&window, held);
            assert_non_null(frame);
            assert_int_equal(frame->bytes[9], held);
        }
        assert_int_equal(window.used_bytes, 10 * gateway_window_count(&window));
    }
    gateway_window_close(&window);
}

static void test_bytes_bound_the_window(void **state)
{
    (void)state;
    struct gateway_window window;
    assert_int_equal(gateway_window_open(&window, 100, 1000, 7), 0);
    assert_true(gateway_window_has_room(&window, 5000)); /* empty: any length */
    gateway_window_append(&window, make_frame(600, 0), 600, 0);
    assert_true(gateway_window_has_room(&window, 400));
    assert_false(gateway_window_has_room(&window, 401));
    gateway_window_append(&window, make_frame(400, 0), 400, 0);
    assert_false(gateway_window_has_room(&window, 1));
    gateway_window_forget(&window, 7);
    assert_int_equal(window.used_bytes, 400);
    assert_true(gateway_window_has_room(&window, 600));
    gateway_window_forget(&window, 8);
    assert_int_equal(window.used_bytes, 0);
    gateway_window_append(&window, make_frame(5000, 0), 5000, 0);
    assert_false(gateway_window_has_room(&window, 1));
    gateway_window_close(&window);
}

static void test_forgetting_more_than_there_is(void **state)
{
    (void)state;
    struct gateway_window window;
    assert_int_equal(gateway_window_open(&window, 3, 1000, 1), 0);
    gateway_window_append(&window, make_frame(1, 0), 1, 0);
    gateway_window_append(&window, make_frame(1, 0), 1, 0);
    gateway_window_forget(&window, 100);
    assert_int_equal(gateway_window_count(&window), 0);
    assert_true(window.first == 3 && window.next == 3);
    gateway_window_close(&window);
}

static void test_a_frame_is_replaced(void **state)
{
    (void)state;
    struct gateway_window window;
    assert_int_equal(gateway_window_open(&window, 3, 1000, 1), 0);
    gateway_window_append(&window, make_frame(100, 1), 100, 0);
    gateway_window_append(&window, make_frame(50, 2), 50, 0);
    gateway_window_replace(&window, 1, make_frame(7, 3), 7);
    assert_int_equal(window.used_bytes, 57);
    assert_int_equal(gateway_window_find(&window, 1)->bytes[6], 3);
    gateway_window_close(&window);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames_are_found_until_they_are_forgotten),
        cmocka_unit_test(test_bytes_bound_the_window),
        cmocka_unit_test(test_forgetting_more_than_there_is),
        cmocka_unit_test(test_a_frame_is_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
