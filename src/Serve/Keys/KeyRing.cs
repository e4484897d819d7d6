using System.Security.Cryptography;
using HeadTap.Runtime;

namespace HeadTap.Serve;

/// <summary>
/// The keys of a server, read again when their file changes. A key is compared with every hash in constant
/// time. Safe for any thread.
/// </summary>
sealed class KeyRing
{
    static readonly TimeSpan s_lookAgain = TimeSpan.FromSeconds(1);

    readonly string _path;
    readonly TimeProvider _clock;
    readonly Action<string> _log;
    readonly Lock _lock = new();
    (byte[] Hash, Caller Caller)[] _keys = [];
    (DateTime Written, long Length) _seen;
    long _looked;

    internal KeyRing(string path, TimeProvider clock, Action<string> log)
    {
        (_path, _clock, _log) = (path, clock, log);
        _seen = Stamp();
        _keys = Load();
        _looked = clock.GetTimestamp();
    }

    /// <summary>The owner of a key; null if there is no such key.</summary>
    internal Caller? Find(string key)
    {
        byte[] hash = KeyFile.Hash(key);
        Caller? found = null;
        foreach ((byte[] known, Caller caller) in Current())
            if (CryptographicOperations.FixedTimeEquals(hash, known))
                found = caller;
        return found;
    }

    /// <summary>The caller of a name; null if the key was removed.</summary>
    internal Caller? ByName(string name)
        => Current().Select(k => k.Caller).FirstOrDefault(c => c.Name == name);

    (byte[] Hash, Caller Caller)[] Current()
    {
        lock (_lock)
        {
            if (_clock.GetElapsedTime(_looked) < s_lookAgain)
                return _keys;
            _looked = _clock.GetTimestamp();
            try
            {
                (DateTime, long) stamp = Stamp();
                if (stamp != _seen)
                    (_keys, _seen) = (Load(), stamp);
            }
            catch (UserException e)
            {
                // Half an edit of a file must not lock everybody out: the old keys hold.
                _log($"keys: {e.Message}; the keys read before stay");
            }
            return _keys;
        }
    }

    (DateTime, long) Stamp()
    {
        var file = new FileInfo(_path);
        return file.Exists ? (file.LastWriteTimeUtc, file.Length) : default;
    }

    (byte[], Caller)[] Load() =>
    [
        .. KeyFile.Read(_path).Select(k => (Convert.FromHexString(k.Sha256),
            new Caller(k.Name, new HashSet<Right>(k.Rights), k.Tier))),
    ];
}
