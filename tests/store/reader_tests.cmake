# What both sides share: headers, names, types.
ingest_test(test_npy_header SOURCES test_npy_header.c LIBS ingest_store)
ingest_test(test_series_name SOURCES test_series_name.c LIBS ingest_store)
ingest_test(test_series_type SOURCES test_series_type.c LIBS ingest_store)

add_executable(npy_header_tool npy_header_tool.c)
target_link_libraries(npy_header_tool PRIVATE ingest_flags ingest_store)
ingest_script_test(test_npy_header_numpy test_npy_header_numpy.py)

ingest_test(test_status_file SOURCES test_status_file.c LIBS ingest_store)

# Files written byte by byte, for the tests of what reads them.
add_library(series_files STATIC series_files.c)
target_link_libraries(series_files PRIVATE ingest_flags PUBLIC ingest_store)
ingest_test(test_reader SOURCES test_reader.c LIBS series_files)
