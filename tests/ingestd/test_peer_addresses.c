/* Addresses behind descriptors that others own: found, forgotten, and shut down only as long as a
 * descriptor is still the connection that was noted. */
#include "cmocka_tests.h"
#include "peer_addresses.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct pair {
    int client;
    int server;
};

static struct pair connect_pair(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t address_bytes = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &address_bytes), 0);
    struct pair pair = {.client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    assert_int_equal(connect(pair.client, (struct sockaddr *)&address, sizeof address), 0);
    pair.server = accept(listener, NULL, NULL);
    assert_true(pair.server >= 0);
    close(listener);
    return pair;
}

static bool is_open(int client)
{
    char byte;
    return recv(client, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

static void test_addresses(void **state)
{
    (void)state;
    char buffer[PEER_ADDRESS_BYTES];
    struct peer_addresses addresses = {.peers = NULL};
    struct pair pair = connect_pair();
    assert_string_equal(peer_addresses_remove(&addresses, pair.server, "?", buffer), "?");
    peer_addresses_add(&addresses, pair.server);
    assert_string_equal(peer_addresses_remove(&addresses, pair.server, "?", buffer), "127.0.0.1");
    assert_string_equal(peer_addresses_remove(&addresses, pair.server, "?", buffer), "?");

    int local[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, local), 0);
    peer_addresses_add(&addresses, local[0]);
    assert_string_equal(peer_addresses_remove(&addresses, local[0], "ipc", buffer), "ipc");
    /* Closed before it could be asked, and numbers that are none. */
    close(local[0]);
    peer_addresses_add(&addresses, local[0]);
    assert_string_equal(peer_addresses_remove(&addresses, local[0], "?", buffer), "?");
    peer_addresses_add(&addresses, -1);
    peer_addresses_add(&addresses, INT32_MAX);
    assert_string_equal(peer_addresses_remove(&addresses, -1, "?", buffer), "?");
    close(local[1]);
    close(pair.client);
    close(pair.server);
    peer_addresses_free(&addresses);
}

static void test_doom(void **state)
{
    (void)state;
    char buffer[PEER_ADDRESS_BYTES];
    struct peer_addresses addresses = {.peers = NULL};
    struct pair first = connect_pair();
    struct pair second = connect_pair();

    /* Nobody knows it. */
    peer_addresses_doom(&addresses, first.server, 100);
    assert_int_equal(addresses.doomed_count, 0);

    peer_addresses_add(&addresses, first.server);
    peer_addresses_add(&addresses, second.server);
    peer_addresses_doom(&addresses, first.server, 100);
    peer_addresses_doom(&addresses, first.server, 900);
    assert_int_equal(addresses.doomed_count, 1);
    peer_addresses_shut_doomed(&addresses, 99);
    assert_true(is_open(first.client));
    peer_addresses_shut_doomed(&addresses, 100);
    assert_false(is_open(first.client));
    assert_true(is_open(second.client));
    assert_int_equal(addresses.doomed_count, 0);
    /* Once is enough. */
    peer_addresses_doom(&addresses, first.server, 100);
    assert_int_equal(addresses.doomed_count, 0);

    /* Doomed, then ended by itself, and its number given to another. */
    peer_addresses_doom(&addresses, second.server, 100);
    assert_string_equal(peer_addresses_remove(&addresses, second.server, "?", buffer), "127.0.0.1");
    assert_int_equal(addresses.doomed_count, 0);
    peer_addresses_add(&addresses, second.server);
    peer_addresses_shut_doomed(&addresses, 1000);
    assert_true(is_open(second.client));

    /* Doomed, and its number given to a socket of another kind that was never announced. */
    int local[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, local), 0);
    peer_addresses_doom(&addresses, second.server, 100);
    assert_int_equal(dup3(local[0], second.server, O_CLOEXEC), second.server);
    peer_addresses_shut_doomed(&addresses, 1000);
    assert_true(is_open(local[1]));
    assert_int_equal(addresses.doomed_count, 0);

    close(local[0]);
    close(local[1]);
    close(first.client);
    close(first.server);
    close(second.client);
    close(second.server);
    peer_addresses_free(&addresses);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_doom),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
