# room(NAME RANK n KIND PURE|IO|SHELL SOURCES … USES … [LINK …])
#
# Called from the CMakeLists.txt of a folder under src/: one folder is one room and one static
# library. A room may use only rooms of a strictly
# lower rank, and only those it lists; a PURE room only PURE rooms. Configuring fails otherwise, and
# tools/tidy.py checks the #include lines against the same table (written to build/rooms.json).
# Every *_test.cc in the folder becomes part of the test program NAME_test. A room inside a room
# (manager/core) is named manager_core and lives in src/manager/core.
find_package(GTest REQUIRED)
find_package(fmt REQUIRED)
find_package(Threads REQUIRED)

set_property(GLOBAL PROPERTY SHOAL_ROOMS "")

add_library(shoal_flags INTERFACE)
target_compile_options(shoal_flags INTERFACE -Wall -Wextra -Werror -Wshadow -Wnon-virtual-dtor
  -Woverloaded-virtual -Wno-missing-field-initializers)
target_include_directories(shoal_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)
if(SHOAL_FUZZ)  # clang mangles names of libfmt.so in another way than the g++ that built it.
  target_link_libraries(shoal_flags INTERFACE fmt::fmt-header-only)
else()
  target_link_libraries(shoal_flags INTERFACE fmt::fmt)
endif()
target_link_options(shoal_flags INTERFACE -fuse-ld=lld)
if(SHOAL_SANITIZE)
  target_compile_options(shoal_flags INTERFACE -fsanitize=address,undefined
    -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  target_link_options(shoal_flags INTERFACE -fsanitize=address,undefined)
endif()

if(SHOAL_FUZZ)
  target_compile_options(shoal_flags INTERFACE -fsanitize=fuzzer-no-link,address,undefined
    -fno-sanitize-recover=undefined -fno-omit-frame-pointer -Wno-error)
  target_link_options(shoal_flags INTERFACE -fsanitize=address,undefined)
endif()

function(room name)
  cmake_parse_arguments(R "" "RANK;KIND" "SOURCES;USES;LINK;TEST_LINK" ${ARGN})
  if(NOT R_KIND MATCHES "^(PURE|IO|SHELL)$")
    message(FATAL_ERROR "room ${name}: KIND must be PURE, IO or SHELL")
  endif()
  set(dir ${CMAKE_CURRENT_SOURCE_DIR})
  file(RELATIVE_PATH folder ${CMAKE_SOURCE_DIR}/src ${dir})
  if(R_SOURCES)
    add_library(${name} STATIC ${R_SOURCES})
    set(scope PUBLIC)
  else()
    add_library(${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_link_libraries(${name} ${scope} shoal_flags)
  set_target_properties(${name} PROPERTIES ROOM_RANK ${R_RANK} ROOM_KIND ${R_KIND})

  foreach(used IN LISTS R_USES)
    if(NOT TARGET ${used})
      message(FATAL_ERROR "room ${name} uses ${used}, which is no room (or is listed later)")
    endif()
    get_target_property(rank ${used} ROOM_RANK)
    get_target_property(kind ${used} ROOM_KIND)
    if(NOT rank LESS R_RANK AND NOT used MATCHES "^${name}_")  # A room may use its own core.
      message(FATAL_ERROR "${name} (rank ${R_RANK}) may not use ${used} (rank ${rank})")
    endif()
    if(R_KIND STREQUAL PURE AND NOT kind STREQUAL PURE)
      message(FATAL_ERROR "pure room ${name} may not use ${used}, which is ${kind}")
    endif()
    target_link_libraries(${name} ${scope} ${used})
  endforeach()
  target_link_libraries(${name} ${scope} ${R_LINK})

  list(JOIN R_USES "\", \"" uses)
  set_property(GLOBAL APPEND PROPERTY SHOAL_ROOMS
    "  \"${folder}\": {\"rank\": ${R_RANK}, \"kind\": \"${R_KIND}\", \"uses\": [\"${uses}\"]}")

  file(GLOB tests CONFIGURE_DEPENDS ${dir}/*_test.cc)
  if(tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE ${name} ${R_TEST_LINK} GTest::gmock GTest::gtest
      GTest::gtest_main)
    add_test(NAME ${name}_test COMMAND ${name}_test)
    set_tests_properties(${name}_test PROPERTIES TIMEOUT 300 LABELS "unit;${R_KIND}")
  endif()
endfunction()

# Writes the table that tools/tidy.py reads. Called once, after the last room.
function(write_room_table)
  get_property(rooms GLOBAL PROPERTY SHOAL_ROOMS)
  list(JOIN rooms ",\n" body)
  file(WRITE ${CMAKE_BINARY_DIR}/rooms.json "{\n${body}\n}\n")
endfunction()
