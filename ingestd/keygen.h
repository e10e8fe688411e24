/* keygen.h - ingestd --keygen FILE. */
#ifndef INGEST_KEYGEN_H
#define INGEST_KEYGEN_H

/* Makes a new pair of keys, writes FILE and FILE_secret and says so. The exit code; the reason of a
 * failure is logged. */
int keygen(const char *file);

#endif
