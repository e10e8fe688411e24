# Plots, damage, health.
foreach(name plot_axis plot_envelope braille_canvas plot_text progress)
  ingest_test(test_${name} SOURCES test_${name}.c LIBS ingest_query m)
endforeach()
# INGEST_UPDATE_GOLDEN=1 writes the pictures anew.
ingest_test(test_plot_pictures SOURCES test_plot_pictures.c LIBS ingest_query m)
target_compile_definitions(test_plot_pictures PRIVATE GOLDEN_FOLDER="${CMAKE_CURRENT_SOURCE_DIR}/golden")

ingest_script_test(test_query_plot test_query_plot.py)
ingest_script_test(test_query_verify test_query_verify.py)
ingest_script_test(test_query_status test_query_status.py)
