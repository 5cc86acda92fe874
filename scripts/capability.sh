# Sourced by scripts whose tests need more than the repository has.

skip() { # NAME REASON: ends the script, with success unless BIGSEG_REQUIRE names that capability.
    case ",${BIGSEG_REQUIRE:-}," in
    *",$1,"*)
        echo "$2, and BIGSEG_REQUIRE names $1" >&2
        exit 1
        ;;
    esac
    echo "SKIPPED: $2; required by BIGSEG_REQUIRE=$1" >&2
    exit 0
}
