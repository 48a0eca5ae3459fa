// Asio's own code, compiled once for the whole program (BOOST_ASIO_SEPARATE_COMPILATION): halves what a socket file
// costs.
#include <boost/asio/impl/src.hpp>
#include <boost/asio/ssl/impl/src.hpp>
