# What both sides share: headers, names, types.
ingest_test(test_npy_header SOURCES test_npy_header.c LIBS ingest_store)
ingest_test(test_series_name SOURCES test_series_name.c LIBS ingest_store)
ingest_test(test_series_type SOURCES test_series_type.c LIBS ingest_store)

add_executable(npy_header_tool npy_header_tool.c)
target_link_libraries(npy_header_tool PRIVATE ingest_flags ingest_store)
ingest_script_test(test_npy_header_numpy test_npy_header_numpy.py)

ingest_test(test_status_file SOURCES test_status_file.c LIBS ingest_store)

# Files written byte by byte, for the tests of what reads them.
add_library(raw_series STATIC raw_series.c)
target_link_libraries(raw_series PRIVATE ingest_flags PUBLIC ingest_store)
ingest_test(test_reader SOURCES test_reader.c LIBS raw_series)
ingest_test(test_reader_store SOURCES test_reader_store.c LIBS raw_series)
ingest_test(test_sigbus SOURCES test_sigbus.c LIBS raw_series)
ingest_test(test_reader_damage SOURCES test_reader_damage.c LIBS raw_series)

# The writer and the reader against each other.
ingest_test(test_two_processes SOURCES test_two_processes.c ring_race.c LIBS ingest_store)
add_executable(grow_tool grow_tool.c)
target_link_libraries(grow_tool PRIVATE ingest_flags ingest_store)
ingest_script_test(test_grow_numpy test_grow_numpy.py)
ingest_test(test_verify SOURCES test_verify.c LIBS raw_series)
ingest_test(test_reader_vandal SOURCES test_reader_vandal.c LIBS raw_series)
ingest_test(test_verify_live SOURCES test_verify_live.c LIBS raw_series)
# Arrays of any program, against NumPy.
add_executable(mapped_array_tool mapped_array_tool.c)
target_link_libraries(mapped_array_tool PRIVATE ingest_flags ingest_store)
ingest_script_test(test_mapped_array_numpy test_mapped_array_numpy.py)
