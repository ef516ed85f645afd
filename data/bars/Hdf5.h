#pragma once

#include <mutex>
#include <string>
#include <utility>

#include <hdf5.h>

#include "base/Error.h"

namespace btcai::hdf5 {

/// Owns one HDF5 identifier. `close` is the H5?close that fits it.
class Handle {
public:
    Handle(hid_t id, herr_t (*close)(hid_t), const char* what) : m_id(id), m_close(close)
    {
        if (id < 0)
            throw Error(ErrorKind::Corrupt, "HDF5: {} failed", what);
    }
    ~Handle()
    {
        if (m_id >= 0)
            m_close(m_id);
    }
    Handle(Handle&& other) noexcept : m_id(std::exchange(other.m_id, -1)), m_close(other.m_close) {}
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;
    Handle& operator=(Handle&&) = delete;

    hid_t id() const { return m_id; }

private:
    hid_t m_id;
    herr_t (*m_close)(hid_t);
};

inline void check(herr_t result, const char* what)
{
    if (result < 0)
        throw Error(ErrorKind::Corrupt, "HDF5: {} failed", what);
}

/// While one lives, this thread alone uses the library, and the library prints nothing.
class Session {
public:
    Session() : m_lock(mutex())
    {
        H5Eget_auto2(H5E_DEFAULT, &m_function, &m_data);
        H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
    }
    ~Session() { H5Eset_auto2(H5E_DEFAULT, m_function, m_data); }
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

private:
    static std::mutex& mutex()
    {
        static std::mutex instance;
        return instance;
    }

    std::lock_guard<std::mutex> m_lock;
    H5E_auto2_t m_function = nullptr;
    void* m_data = nullptr;
};

} // namespace btcai::hdf5
