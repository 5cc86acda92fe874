// bigseg.hpp: libbigseg for C++17, header only.
//
// It has owning wrappers for the handles of bigseg.h, exceptions instead of codes, and a base class
// for custom stores. bigseg.h has everything else; get() of a wrapper returns the handle for it.
//
// No exception may cross the C ABI: it cannot unwind through frames that are not C++, and ends the
// process. bigseg::store catches the exceptions of its derived class, and reports them as errors of
// the store. A callback that is passed to a function of bigseg.h must catch its exceptions itself.

#ifndef BIGSEG_HPP
#define BIGSEG_HPP

#include "bigseg.h"

#include <cstdint>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace bigseg {

// Borrows text for a call.
inline bigseg_str str(std::string_view text) noexcept { return bigseg_str{text.data(), text.size()}; }

// Returns a view of borrowed text, which is valid as long as the bigseg_str.
inline std::string_view view(bigseg_str text) noexcept { return {text.data, text.length}; }

// A failed call: what() is the message for a person, code() is for branching.
class error : public std::runtime_error {
public:
    error(bigseg_code code, const std::string &message) : std::runtime_error(message), code_(code) {}

    bigseg_code code() const noexcept { return code_; }
    bool retryable() const noexcept { return bigseg_code_retryable(code_); }

private:
    bigseg_code code_;
};

// Throws the error of a call, and frees the error object.
inline void check(bigseg_code code, bigseg_error *reported = nullptr) {
    if (code == BIGSEG_OK) {
        return;
    }
    std::unique_ptr<bigseg_error, decltype(&bigseg_error_free)> owned(reported, bigseg_error_free);
    throw error(code, std::string(view(owned ? bigseg_error_message(owned.get()) : bigseg_code_name(code))));
}

// Calls a function of bigseg.h, adding its last parameter: the error object.
template <typename Function, typename... Arguments>
void call(Function function, Arguments... arguments) {
    bigseg_error *reported = nullptr;
    const bigseg_code code = function(arguments..., &reported);
    check(code, reported);
}

// The membership of a context, and how reliable it is. Copies share one membership.
class membership {
public:
    membership(const bigseg_membership *owned, bigseg_lookup_status status)
        : handle_(owned, bigseg_membership_free), status_(status) {}

    // Returns included, excluded, or no value: then the rules of the segment decide.
    bigseg_membership_value check(std::string_view segment_ref) const noexcept {
        return bigseg_membership_check(get(), str(segment_ref));
    }
    bigseg_lookup_status status() const noexcept { return status_; }
    const bigseg_membership *get() const noexcept { return handle_.get(); }

private:
    std::shared_ptr<const bigseg_membership> handle_;
    bigseg_lookup_status status_;
};

// The context of an evaluation, parsed from JSON. Copies share one context.
class context {
public:
    explicit context(std::string_view json) {
        bigseg_context *parsed = nullptr;
        call(bigseg_context_new, str(json), &parsed);
        handle_ = std::shared_ptr<const bigseg_context>(
            parsed, [parsed](const bigseg_context *) { bigseg_context_free(parsed); });
    }
    const bigseg_context *get() const noexcept { return handle_.get(); }

private:
    std::shared_ptr<const bigseg_context> handle_;
};

// The value that a flag serves for a context, and why.
class evaluation {
public:
    explicit evaluation(bigseg_evaluation *owned) : handle_(owned, bigseg_evaluation_free) {}

    // Returns the index of the variation; -1 when the program's default applies, and then the value
    // is empty.
    std::int64_t variation() const noexcept { return bigseg_evaluation_variation(get()); }
    // Returns the value as JSON, borrowed from this evaluation.
    std::string_view value() const noexcept { return view(bigseg_evaluation_value(get())); }
    // Returns the value if it has the type of `otherwise`; returns `otherwise` if not.
    bool value_or(bool otherwise) const noexcept { return bigseg_evaluation_bool(get(), otherwise); }
    double value_or(double otherwise) const noexcept { return bigseg_evaluation_number(get(), otherwise); }
    std::string_view value_or(const char *otherwise) const noexcept { return value_or(std::string_view(otherwise)); }
    std::string_view value_or(std::string_view otherwise) const noexcept {
        return view(bigseg_evaluation_text(get(), str(otherwise)));
    }
    // Returns the reason; its texts are borrowed from this evaluation.
    bigseg_reason reason() const {
        bigseg_reason out{};
        out.struct_size = sizeof out;
        call(bigseg_evaluation_reason, static_cast<const bigseg_evaluation *>(get()), &out);
        return out;
    }
    bigseg_evaluation *get() const noexcept { return handle_.get(); }

private:
    std::unique_ptr<bigseg_evaluation, decltype(&bigseg_evaluation_free)> handle_;
};

// The results of one query to a custom store; valid until the call that receives it returns.
class answers {
public:
    explicit answers(bigseg_answers *borrowed) noexcept : handle_(borrowed) {}

    void include(std::size_t index, std::string_view segment_ref) {
        call(bigseg_answers_include, handle_, index, str(segment_ref));
    }
    void exclude(std::size_t index, std::string_view segment_ref) {
        call(bigseg_answers_exclude, handle_, index, str(segment_ref));
    }
    // Fails one context, without failing the others.
    void fail(std::size_t index, bigseg_code code, std::string_view message) {
        call(bigseg_answers_fail, handle_, index, code, str(message));
    }

private:
    bigseg_answers *handle_;
};

// A custom store. Its functions run on threads of the library, up to 8 at once. They may throw:
// bigseg::error becomes its code, every other exception BIGSEG_STORE_UNAVAILABLE.
class store {
public:
    virtual ~store() = default;

    // Reads the memberships of `count` contexts, in the order of `hashes`; see
    // bigseg_store_memberships.
    virtual void memberships(const bigseg_context_hash *hashes, std::size_t count, answers &out) = 0;

    // Returns when the store last matched its source, in Unix milliseconds; 0 = never.
    virtual std::int64_t synchronized_on() = 0;
};

namespace detail {

template <typename Work>
bigseg_code guarded(bigseg_error **reported, Work work) noexcept {
    bigseg_code code = BIGSEG_STORE_UNAVAILABLE;
    try {
        work();
        return BIGSEG_OK;
    } catch (const error &e) {
        code = e.code();
        *reported = bigseg_error_new(code, str(e.what()));
    } catch (const std::exception &e) {
        *reported = bigseg_error_new(code, str(e.what()));
    } catch (...) {
        *reported = bigseg_error_new(code, BIGSEG_STR("it threw an object that is not a std::exception"));
    }
    return code;
}

extern "C" inline bigseg_code bigseg_cpp_memberships(void *userdata, const bigseg_context_hash *hashes,
                                                     std::size_t count, bigseg_answers *borrowed,
                                                     bigseg_error **reported) {
    return guarded(reported, [&] {
        answers out(borrowed);
        static_cast<store *>(userdata)->memberships(hashes, count, out);
    });
}

extern "C" inline bigseg_code bigseg_cpp_metadata(void *userdata, std::int64_t *synchronized_on,
                                                  bigseg_error **reported) {
    return guarded(reported, [&] { *synchronized_on = static_cast<store *>(userdata)->synchronized_on(); });
}

extern "C" inline void bigseg_cpp_destroy(void *userdata) { delete static_cast<store *>(userdata); }

} // namespace detail

// The options of an engine; use the setters of bigseg.h with get().
class config {
public:
    config() : handle_(bigseg_config_new(), bigseg_config_free) {
        if (!handle_) {
            throw std::bad_alloc();
        }
    }
    explicit config(std::string_view store) : config() { bigseg_config_set_store(get(), str(store)); }

    // Sets a custom store, which the config and then the engine owns.
    void set_store(std::unique_ptr<store> custom) {
        const bigseg_store_vtable vtable{sizeof(bigseg_store_vtable), detail::bigseg_cpp_memberships,
                                         detail::bigseg_cpp_metadata};
        check(bigseg_config_set_custom_store(get(), &vtable, custom.release(), detail::bigseg_cpp_destroy));
    }
    bigseg_config *get() const noexcept { return handle_.get(); }

private:
    std::unique_ptr<bigseg_config, decltype(&bigseg_config_free)> handle_;
};

// An open engine; any thread may use it.
class engine {
public:
    // Opens an engine, and empties the config.
    explicit engine(const config &from) : handle_(nullptr, bigseg_engine_free) {
        bigseg_engine *opened = nullptr;
        call(bigseg_engine_open, from.get(), &opened);
        handle_.reset(opened);
    }
    explicit engine(std::string_view store) : engine(config(store)) {}

    // Looks up a context by its key; blocks up to the lookup deadline if the store must answer.
    bigseg::membership membership(std::string_view context_key) const {
        const bigseg_membership *found = nullptr;
        bigseg_lookup_status status = BIGSEG_LOOKUP_NOT_CONFIGURED;
        call(bigseg_engine_membership, static_cast<const bigseg_engine *>(get()), str(context_key), &found, &status);
        return {found, status};
    }
    // Removes a context from the cache, by its key.
    void invalidate(std::string_view context_key) const {
        call(bigseg_engine_invalidate, static_cast<const bigseg_engine *>(get()), str(context_key));
    }
    // Sets the flags and segments, from the JSON of the service.
    void set_data(std::string_view json) const {
        call(bigseg_engine_set_data, static_cast<const bigseg_engine *>(get()), str(json));
    }
    // Evaluates a flag for a context; blocks up to the lookup deadline if the store must answer.
    bigseg::evaluation evaluate(std::string_view flag_key, const context &target) const {
        bigseg_evaluation *evaluated = nullptr;
        call(bigseg_engine_evaluate, static_cast<const bigseg_engine *>(get()), str(flag_key), target.get(), &evaluated);
        return bigseg::evaluation(evaluated);
    }
    // Returns whether a context is in a segment; blocks up to the lookup deadline if the store must
    // answer.
    bool segment_contains(std::string_view segment_key, const context &target) const {
        bigseg_segment_answer *answer = nullptr;
        call(bigseg_engine_segment_contains, static_cast<const bigseg_engine *>(get()), str(segment_key), target.get(), &answer);
        const std::unique_ptr<bigseg_segment_answer, decltype(&bigseg_segment_answer_free)> owned(
            answer, bigseg_segment_answer_free);
        return bigseg_segment_answer_is_match(answer);
    }
    // Stops the engine, and waits until no callback runs.
    void close() const { call(bigseg_engine_close, static_cast<const bigseg_engine *>(get())); }
    bigseg_engine *get() const noexcept { return handle_.get(); }

private:
    std::unique_ptr<bigseg_engine, decltype(&bigseg_engine_free)> handle_;
};

} // namespace bigseg

#endif
