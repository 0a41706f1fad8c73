# Function for the scripts that test the Python package; they source this file in the root of the repository.

# Makes a virtual environment with pinned tools and the wheel of the package, which it builds with the release files of
# the workspace: python_environment NAME REQUIREMENTS…
#
# The requirements are installed without what they need themselves, unless `resolve` is `yes`.
#
# It is the folder NAME of cargo's target folder. PYTHON names the interpreter; the package needs 3.10, the libraries of
# the tests 3.11. Sets `target` and `work`, the folders of cargo and of the environment, and `wheel`.
python_environment() {
    local python=${PYTHON:-python3} requirements options=(--quiet --disable-pip-version-check)
    target=$(cargo metadata --no-deps --format-version 1 | "$python" -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')
    work=$target/$1
    shift

    if [ "${resolve:-}" != yes ]; then
        options+=(--no-deps)
    fi
    # A new environment only where the pins changed.
    if ! cat "$@" | cmp -s - "$work/requirements.txt"; then
        rm -rf "$work"
        "$python" -m venv "$work"
        for requirements; do
            "$work/bin/pip" install "${options[@]}" -r "$requirements"
        done
        cat "$@" >"$work/requirements.txt"
    fi

    rm -rf "$work/wheels"
    CARGO_TARGET_DIR=$target "$work/bin/maturin" build --release --locked --compatibility linux \
        --manifest-path bindings/python/Cargo.toml --interpreter "$work/bin/python" --out "$work/wheels"
    wheel=$(echo "$work"/wheels/*.whl)
    "$work/bin/pip" install --quiet --disable-pip-version-check --force-reinstall --no-deps "$wheel"
}
