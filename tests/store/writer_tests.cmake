ingest_test(test_series_time SOURCES test_series_time.c LIBS ingest_store)
ingest_test(test_series_append SOURCES test_series_append.c LIBS ingest_store)
ingest_test(test_series_session SOURCES test_series_session.c LIBS ingest_store)
ingest_test(test_store_create SOURCES test_store_create.c LIBS ingest_store)
