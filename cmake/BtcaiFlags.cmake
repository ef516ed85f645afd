# One INTERFACE target carries the language level, warnings and hardening of every target of ours.
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
endif()
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

add_library(btcai_flags INTERFACE)
target_compile_features(btcai_flags INTERFACE cxx_std_20)
target_include_directories(btcai_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(btcai_flags INTERFACE -Wall -Wextra -Wconversion -Wshadow -Wno-sign-conversion
                       $<$<BOOL:${BTCAI_WERROR}>:-Werror>)
# No fused multiply-add behind our back: the same source gives the same bits on every path.
target_compile_options(btcai_flags INTERFACE -ffp-contract=off)
# Names in the stack traces of the log: a program's own functions are found only when it exports them.
target_link_options(btcai_flags INTERFACE -rdynamic)
if(BTCAI_SANITIZE)
  target_compile_options(btcai_flags INTERFACE -fsanitize=${BTCAI_SANITIZE} -fno-omit-frame-pointer
                         -fno-sanitize-recover=all)
  # GCC's manual warns of false alarms here: instrumented code defeats its flow analysis, in <regex> above all.
  target_compile_options(btcai_flags INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  target_link_options(btcai_flags INTERFACE -fsanitize=${BTCAI_SANITIZE})
endif()

if(BTCAI_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL Clang OR CMAKE_CXX_COMPILER_VERSION VERSION_LESS 15) # <source_location>
    message(FATAL_ERROR "BTCAI_FUZZ needs clang 15 or newer, as in Debian's clang-16 and libclang-rt-16-dev: -DCMAKE_CXX_COMPILER=clang++-16")
  endif()
  target_compile_options(btcai_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # The sloppiness that a precompiled header needs to be cached at all.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${CCACHE_PROGRAM})
  target_compile_options(btcai_flags INTERFACE $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fpch-preprocess>)
endif()
find_program(MOLD_PROGRAM mold)
if(MOLD_PROGRAM)
  target_link_options(btcai_flags INTERFACE -fuse-ld=mold)
endif()

# btcai_library(NAME SOURCES... LINK ...): a static library of one room of the house.
function(btcai_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK;PRIVATE_LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC btcai_flags ${ARG_LINK} PRIVATE ${ARG_PRIVATE_LINK})
endfunction()
