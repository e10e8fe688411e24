ingest_test(test_series_time SOURCES test_series_time.c LIBS ingest_store)
ingest_test(test_series_stamps SOURCES test_series_stamps.c LIBS ingest_store)
ingest_test(test_series_append SOURCES test_series_append.c LIBS ingest_store)
ingest_test(test_series_blocks SOURCES test_series_blocks.c LIBS ingest_store)
ingest_test(test_series_session SOURCES test_series_session.c LIBS ingest_store)
ingest_test(test_store_create SOURCES test_store_create.c LIBS ingest_store)
ingest_test(test_store_open SOURCES test_store_open.c LIBS ingest_store)
ingest_test(test_store_flush SOURCES test_store_flush.c LIBS ingest_store Threads::Threads)
ingest_test(test_store_recovery SOURCES test_store_recovery.c LIBS ingest_store)
ingest_test(test_recovery_runs SOURCES test_recovery_runs.c LIBS ingest_store)
ingest_test(test_store_summaries SOURCES test_store_summaries.c summary_model.c LIBS ingest_store ingest_stats m)
ingest_test(test_store_admin SOURCES test_store_admin.c LIBS ingest_store)
ingest_test(test_store_many SOURCES test_store_many.c LIBS ingest_store)
ingest_test(test_backup SOURCES test_backup.c LIBS ingest_store TIMEOUT 300)
# Calls of file_system.c that fail on demand.
ingest_test(test_store_faults SOURCES test_store_faults.c LIBS ingest_store)
target_link_options(test_store_faults PRIVATE
  -Wl,--wrap=fs_open_read_at,--wrap=fs_open_write_at,--wrap=fs_open_or_create_at
  -Wl,--wrap=fs_open_folder_at,--wrap=fs_sync_data,--wrap=clock_monotonic_ns)
