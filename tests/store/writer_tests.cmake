ingest_test(test_series_time SOURCES test_series_time.c LIBS ingest_store)
ingest_test(test_series_append SOURCES test_series_append.c LIBS ingest_store)
