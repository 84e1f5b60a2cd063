# libheif's sources in a dozen units instead of a hundred: to read their headers takes longer than they themselves.
# The files named here define what another one defines as well, and stay alone.
set(CMAKE_UNITY_BUILD ON)
set(sources ${CMAKE_CURRENT_SOURCE_DIR}/libheif)
file(GLOB alone ${sources}/plugins/*.cc ${sources}/codecs/*_enc.cc ${sources}/codecs/*_dec.cc)
cmake_language(DEFER CALL set_source_files_properties ${alone} ${sources}/image-items/tiled.cc
        TARGET_DIRECTORY heif PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
