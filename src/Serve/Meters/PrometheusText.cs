using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;

namespace HeadTap.Serve;

/// <summary>
/// Collects what one meter measures and writes it in Prometheus' text format 0.0.4. Safe for any thread.
/// </summary>
sealed class PrometheusText : IDisposable
{
    readonly MeterListener _listener = new();
    readonly ConcurrentDictionary<string, Family> _families = new(StringComparer.Ordinal);

    internal PrometheusText(Meter meter)
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (!ReferenceEquals(instrument.Meter, meter))
                return;
            Family family = new(instrument);
            _families[instrument.Name] = family;
            listener.EnableMeasurementEvents(instrument, family);
        };
        _listener.SetMeasurementEventCallback<long>(
            (_, value, tags, state) => ((Family)state!).Record(value, tags));
        _listener.SetMeasurementEventCallback<double>(
            (_, value, tags, state) => ((Family)state!).Record(value, tags));
        _listener.Start();
    }

    /// <summary>The text; families and series in the order of their names.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        foreach (Family family in _families.Values.OrderBy(f => f.Name, StringComparer.Ordinal))
            family.Write(text);
        return text.ToString();
    }

    public void Dispose() => _listener.Dispose();

    sealed class Family
    {
        readonly string _kind, _help;
        readonly double[] _bounds;
        readonly Dictionary<string, Series> _series = new(StringComparer.Ordinal);
        readonly Lock _lock = new();

        internal Family(Instrument instrument)
        {
            Name = instrument.Name;
            _help = instrument.Description ?? "";
            _bounds = instrument is Histogram<double> { Advice.HistogramBucketBoundaries: { } bounds }
                ? [.. bounds] : [];
            _kind = instrument switch
            {
                Histogram<double> => "histogram",
                Counter<long> => "counter",
                _ => "gauge",
            };
        }

        internal string Name { get; }

        internal void Record(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            string labels = Labels(tags);
            lock (_lock)
            {
                if (!_series.TryGetValue(labels, out Series? series))
                    _series[labels] = series = new Series(new long[_bounds.Length + 1]);
                switch (_kind)
                {
                    case "gauge":
                        series.Sum = value;
                        break;
                    case "counter":
                        series.Sum += value;
                        break;
                    default:
                        series.Sum += value;
                        series.Buckets[Bucket(value)]++;
                        break;
                }
            }
        }

        // A value on a bound belongs to it: le is "at most". NaN is beyond all bounds.
        int Bucket(double value)
        {
            for (int i = 0; i < _bounds.Length; i++)
                if (value <= _bounds[i])
                    return i;
            return _bounds.Length;
        }

        internal void Write(StringBuilder text)
        {
            lock (_lock)
            {
                text.Append("# HELP ").Append(Name).Append(' ')
                    .Append(_help.Replace("\\", @"\\").Replace("\n", @"\n")).Append('\n');
                text.Append("# TYPE ").Append(Name).Append(' ').Append(_kind).Append('\n');
                foreach ((string labels, Series series) in
                    _series.OrderBy(s => s.Key, StringComparer.Ordinal))
                    if (_kind == "histogram")
                        WriteHistogram(text, labels, series);
                    else
                        Line(text, "", labels, series.Sum);
            }
        }

        void WriteHistogram(StringBuilder text, string labels, Series series)
        {
            long count = 0;
            for (int i = 0; i < series.Buckets.Length; i++)
            {
                count += series.Buckets[i];
                string bound = i < _bounds.Length ? Number(_bounds[i]) : "+Inf";
                Line(text, "_bucket", labels + (labels.Length == 0 ? "" : ",") + $"le=\"{bound}\"", count);
            }
            Line(text, "_sum", labels, series.Sum);
            Line(text, "_count", labels, count);
        }

        void Line(StringBuilder text, string suffix, string labels, double value)
        {
            text.Append(Name).Append(suffix);
            if (labels.Length > 0)
                text.Append('{').Append(labels).Append('}');
            text.Append(' ').Append(Number(value)).Append('\n');
        }

        static string Number(double value) => double.IsPositiveInfinity(value) ? "+Inf"
            : double.IsNegativeInfinity(value) ? "-Inf" : value.ToString("R", CultureInfo.InvariantCulture);

        static string Labels(ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            if (tags.IsEmpty)
                return "";
            var sorted = new SortedDictionary<string, string>(StringComparer.Ordinal);
            foreach ((string name, object? value) in tags)
                sorted[name] = Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";
            return string.Join(',', sorted.Select(l => $"{l.Key}=\"{Escaped(l.Value)}\""));
        }

        static string Escaped(string value)
            => value.Replace("\\", @"\\").Replace("\"", "\\\"").Replace("\n", @"\n");
    }

    sealed class Series(long[] buckets)
    {
        internal double Sum { get; set; }

        internal long[] Buckets { get; } = buckets;
    }
}
