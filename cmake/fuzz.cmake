# fuzz(NAME ROOM room [SOURCES file… USES room… LINK library…])
#
# Called below room() for a decoder that sees foreign bytes; NAME_fuzz.cc in the same folder is the
# target (tests/fuzz/fuzz.h). Of a large room only SOURCES and what they need is built for libFuzzer.
#
# In every build it becomes fuzz_NAME, a test that replays seeds and corpus (tests/corpus/NAME) and
# damaged copies of them. With -DSHOAL_FUZZ=ON (clang; tools/build --fuzz) it is a libFuzzer program
# instead, with ASan and UBSan, and `ninja fuzz` builds all of them; tools/soak fuzz runs them.
add_custom_target(fuzz)
set(SHOAL_FUZZ_DIR ${CMAKE_SOURCE_DIR}/tests/fuzz)

function(fuzz name)
  cmake_parse_arguments(F "" "ROOM" "SOURCES;USES;LINK" ${ARGN})
  add_executable(fuzz_${name} ${name}_fuzz.cc ${SHOAL_FUZZ_DIR}/corpus.cc)
  target_include_directories(fuzz_${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  add_dependencies(fuzz fuzz_${name})
  if(SHOAL_FUZZ AND F_SOURCES)
    target_sources(fuzz_${name} PRIVATE ${F_SOURCES})
    target_link_libraries(fuzz_${name} PRIVATE shoal_flags ${F_USES} ${F_LINK})
  else()
    target_link_libraries(fuzz_${name} PRIVATE ${F_ROOM})
  endif()
  if(SHOAL_FUZZ)
    target_sources(fuzz_${name} PRIVATE ${SHOAL_FUZZ_DIR}/libfuzzer_main.cc)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  else()
    target_sources(fuzz_${name} PRIVATE ${SHOAL_FUZZ_DIR}/replay_main.cc)
    add_test(NAME fuzz_${name} COMMAND fuzz_${name} ${CMAKE_SOURCE_DIR}/tests/corpus/${name})
    set_tests_properties(fuzz_${name} PROPERTIES TIMEOUT 300 LABELS "unit;fuzz")
  endif()
endfunction()
