# Compiler settings and the three ways to add a target.
add_library(weir_options INTERFACE)
target_compile_features(weir_options INTERFACE cxx_std_20)
target_include_directories(weir_options INTERFACE ${PROJECT_SOURCE_DIR})
target_link_libraries(weir_options INTERFACE Threads::Threads)
target_compile_options(weir_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror
  # A designated initializer leaves out what keeps its default: that is its use.
  -Wno-missing-field-initializers
  -fstack-protector-strong -fno-plt)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # False alarms of GCC 12 in libstdc++: a memcpy onto itself in `"..." + std::string`
  # (GCC bug 105651), unset members in moves of std::variant (bug 105562 and others).
  target_compile_options(weir_options INTERFACE -Wno-restrict -Wno-maybe-uninitialized)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT WEIR_SANITIZE)
  target_compile_options(weir_options INTERFACE -D_FORTIFY_SOURCE=2)
endif()
target_link_options(weir_options INTERFACE -Wl,-z,relro,-z,now)
if(WEIR_SANITIZE)
  target_compile_options(weir_options INTERFACE -fsanitize=${WEIR_SANITIZE}
    -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
  target_link_options(weir_options INTERFACE -fsanitize=${WEIR_SANITIZE})
endif()

# weir_plain_when_sanitized(FILE...): compiles these without optimization and debug
# information in a sanitizer build. For the few files that instantiate Beast: one of
# them took a tenth of such a build, and every check is in it all the same.
function(weir_plain_when_sanitized)
  if(WEIR_SANITIZE)
    set_source_files_properties(${ARGN} PROPERTIES COMPILE_OPTIONS "-O0;-g0")
  endif()
endfunction()

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  # Paths below the checkout count as relative: every clone of it shares the cache.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1
      ${CCACHE_PROGRAM})
  set(CMAKE_C_COMPILER_LAUNCHER ${CMAKE_CXX_COMPILER_LAUNCHER})
endif()

# weir_add_library(NAME SOURCES ... [DEPS ...]): the library of one folder, weir_NAME.
function(weir_add_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;PRIVATE_DEPS" ${ARGN})
  add_library(weir_${name} STATIC ${ARG_SOURCES})
  target_link_libraries(weir_${name} PUBLIC weir_options ${ARG_DEPS}
                        PRIVATE ${ARG_PRIVATE_DEPS})
endfunction()

# weir_add_program(NAME SOURCES ... [DEPS ...]): a program in bin/.
function(weir_add_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE weir_options ${ARG_DEPS})
endfunction()

# weir_add_tests(FOLDER SOURCES ... [DEPS ...]): one Catch2 program per folder of tests/.
# Each TEST_CASE becomes a ctest test of its own with a time limit as a net.
function(weir_add_tests folder)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;DEPS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 60)
  endif()
  add_executable(weir_${folder}_tests ${ARG_SOURCES})
  target_link_libraries(weir_${folder}_tests PRIVATE weir_options weir_test_main
                        ${ARG_DEPS} Catch2::Catch2)
  # Catch2's macros cost most of a test's compilation. The analytics tests compute much
  # themselves (oracles); all others only call what is optimized.
  if(WEIR_SANITIZE AND NOT folder STREQUAL "analytics")
    target_compile_options(weir_${folder}_tests PRIVATE -O0)
  endif()
  catch_discover_tests(weir_${folder}_tests TEST_PREFIX "${folder}: "
    PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS ${folder})
endfunction()

# weir_add_fuzzer(NAME SOURCES ... [DEPS ...]): a libFuzzer target fuzz_NAME; all of
# them: weir_fuzzers.
add_custom_target(weir_fuzzers)
function(weir_add_fuzzer name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(fuzz_${name} ${ARG_SOURCES})
  target_link_libraries(fuzz_${name} PRIVATE weir_options ${ARG_DEPS})
  target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  add_dependencies(weir_fuzzers fuzz_${name})
endfunction()
