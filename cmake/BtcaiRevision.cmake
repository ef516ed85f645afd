# The git revision is written into a generated source at build time, so a commit does not re-run CMake
# and only one small file is compiled again.
set(BTCAI_REVISION_SOURCE ${CMAKE_BINARY_DIR}/generated/BuildInfo.cpp)
add_custom_target(btcai_revision
  COMMAND ${CMAKE_COMMAND} -DSOURCE_DIR=${PROJECT_SOURCE_DIR} -DVERSION=${PROJECT_VERSION}
          -DTEMPLATE=${PROJECT_SOURCE_DIR}/base/BuildInfo.cpp.in -DOUTPUT=${BTCAI_REVISION_SOURCE}
          -P ${PROJECT_SOURCE_DIR}/cmake/WriteRevision.cmake
  BYPRODUCTS ${BTCAI_REVISION_SOURCE} VERBATIM)
