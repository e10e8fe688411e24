# What every target shares: warnings, sanitizers, and the helpers that declare a part, a program and a test.

add_library(ingest_flags INTERFACE)
target_compile_definitions(ingest_flags INTERFACE _GNU_SOURCE _FILE_OFFSET_BITS=64
                           INGEST_VERSION="${PROJECT_VERSION}")
target_compile_options(ingest_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes
  -Wmissing-prototypes -Wold-style-definition -Wpointer-arith -Wcast-align -Wcast-qual
  -Wwrite-strings -Wundef -Wformat=2 -Wvla -Wdouble-promotion -Wnull-dereference
  -fno-common -fstack-protector-strong
  # Small boards: what a program does not use is left out, and unwinding is for the debug information alone.
  -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables
  -ffile-prefix-map=${CMAKE_SOURCE_DIR}=. -ffile-prefix-map=${CMAKE_BINARY_DIR}=build)
target_link_options(ingest_flags INTERFACE -Wl,-z,relro,-z,now -Wl,--as-needed -Wl,--gc-sections -Wl,-z,noseparate-code)
# Pointers that are shifted at the start take 24 bytes each in a program, or a bit where the loader knows how.
include(CheckCSourceCompiles)
include(CheckLinkerFlag)
check_c_source_compiles("#include <features.h>
#if !__GLIBC_PREREQ(2, 36)
#error older
#endif
int main(void) { return 0; }" INGEST_LOADER_PACKS_RELOCATIONS)
check_linker_flag(C -Wl,-z,pack-relative-relocs INGEST_LINKER_PACKS_RELOCATIONS)
if(INGEST_LOADER_PACKS_RELOCATIONS AND INGEST_LINKER_PACKS_RELOCATIONS AND NOT INGEST_SANITIZE AND NOT INGEST_FUZZ)
  target_link_options(ingest_flags INTERFACE -Wl,-z,pack-relative-relocs)
endif()
if(CMAKE_C_COMPILER_ID STREQUAL GNU AND CMAKE_C_COMPILER_VERSION VERSION_LESS 11.3)
  # It names fields that were left out of designated initializers, when a value before them is a compound literal or an
  # atomic load.
  target_compile_options(ingest_flags INTERFACE -Wno-missing-field-initializers)
endif()
if(INGEST_WERROR)
  target_compile_options(ingest_flags INTERFACE -Werror)
endif()
if(INGEST_SANITIZE)
  target_compile_options(ingest_flags INTERFACE -fsanitize=${INGEST_SANITIZE} -fno-omit-frame-pointer
                         -fno-sanitize-recover=all)
  target_link_options(ingest_flags INTERFACE -fsanitize=${INGEST_SANITIZE})
  if(INGEST_SANITIZE MATCHES thread AND CMAKE_C_COMPILER_ID STREQUAL GNU)
    # ThreadSanitizer does not model fences. Ours are for readers in other processes, which it does not see anyway.
    target_compile_options(ingest_flags INTERFACE -Wno-tsan)
  endif()
endif()
if(INGEST_FUZZ)
  target_compile_options(ingest_flags INTERFACE -fsanitize=fuzzer-no-link,address,undefined
                         -fno-sanitize-recover=all)
  target_link_options(ingest_flags INTERFACE -fsanitize=address,undefined)
endif()

# ingest_part(NAME SOURCES... LIBS...): a static library of one folder. Its headers are seen only by
# those who link it: that is how CMake enforces who may include whom.
function(ingest_part name)
  cmake_parse_arguments(PART "" "" "SOURCES;LIBS;PRIVATE_LIBS" ${ARGN})
  add_library(ingest_${name} STATIC ${PART_SOURCES})
  target_include_directories(ingest_${name} PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
  set_target_properties(ingest_${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_link_libraries(ingest_${name} PUBLIC ${PART_LIBS} PRIVATE ingest_flags ${PART_PRIVATE_LIBS})
endfunction()

# ingest_program(NAME SOURCES... LIBS...): an installed program.
function(ingest_program name)
  cmake_parse_arguments(PROGRAM "" "" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${PROGRAM_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ingest_flags ${PROGRAM_LIBS})
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()

# ingest_small(TARGET... [FAST SOURCES...]): code that runs once or waits for people is built for size, since the programs
# go to small boards; but not those of its files that every sample or every message goes through.
function(ingest_small)
  cmake_parse_arguments(SMALL "" "" "FAST" ${ARGN})
  foreach(target ${SMALL_UNPARSED_ARGUMENTS})
    target_compile_options(${target} PRIVATE $<$<CONFIG:RelWithDebInfo>:-Os>)
  endforeach()
  set_property(SOURCE ${SMALL_FAST} APPEND PROPERTY COMPILE_OPTIONS $<$<CONFIG:RelWithDebInfo>:-O2>)
endfunction()

# ingest_pkg_config(NAME): NAME.pc, made from NAME.pc.in. The prefix is told from where the .pc file lies, so that an
# installed tree can be moved.
function(ingest_pkg_config name)
  file(RELATIVE_PATH INGEST_PC_PREFIX ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
  string(REGEX REPLACE "/$" "" INGEST_PC_PREFIX "${INGEST_PC_PREFIX}")
  configure_file(${name}.pc.in ${CMAKE_CURRENT_BINARY_DIR}/${name}.pc @ONLY)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/${name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()
