/* A gateway in C: a cosine of 100 samples a second, kept until it is durable.
 * cc gateway_c.c -o gateway_c $(pkg-config --cflags --libs ingest-gateway) -lm
 * usage: gateway_c URL SERIES SECONDS */
#include <ingest_gateway.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static void on_refused(const struct ingest_refusal *refusal, void *context)
{
    (void)context;
    fprintf(stderr, "refused: %s: %s\n", refusal->code_name, refusal->text);
}

int main(int argc, char **argv)
{
    const struct ingest_gateway_options options = {.endpoint = argv[1], .on_refused = on_refused};
    struct ingest_gateway *gateway;
    if (argc != 4 || ingest_gateway_open(&options, &gateway) < 0)
        return 64;
    int seconds = (int)strtol(argv[3], NULL, 10);
    double values[100];
    for (int i = 0; i < 100; i++)
        values[i] = cos(6.283185307179586 * i / 100);
    struct ingest_block block = {.name = argv[2], .dtype = "f8", .clock = INGEST_REGULAR};
    block.t0_ns = ((int64_t)time(NULL) - seconds) * 1000000000;
    block.period_ps = 10000000000; /* 10 ms */
    block.count = 100;
    block.values = values;
    int result = 0;
    for (int i = 0; i < seconds && result == 0; i++, block.t0_ns += 1000000000)
        result = ingest_gateway_push(gateway, &block, 1, -1, NULL); /* waits for room */
    if (result == 0)
        result = ingest_gateway_drain(gateway, INGEST_DURABLE, 30000);
    ingest_gateway_close(gateway);
    return result == 0 ? 0 : 1;
}
