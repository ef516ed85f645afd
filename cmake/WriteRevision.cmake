execute_process(COMMAND git -C ${SOURCE_DIR} describe --always --dirty --abbrev=10
                OUTPUT_VARIABLE REVISION OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE RC)
if(NOT RC EQUAL 0 OR REVISION STREQUAL "")
  set(REVISION "unknown")
endif()
configure_file(${TEMPLATE} ${OUTPUT} @ONLY)
