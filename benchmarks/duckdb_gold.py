"""DuckDB's statements from Silver to Gold, for ``duckdb_day``: each leaves a table that the next one reads."""

from __future__ import annotations

_BAND = """CASE WHEN {d} IS NULL OR {d} <= 0 THEN 'None' WHEN {d} <= 2 THEN 'Minor' WHEN {d} <= 5 THEN 'Major'
    ELSE 'Critical' END"""
_HOLD_US = 60 * 60_000_000


def _judged(deviation: str, held_us: str) -> str:
    long = f"coalesce({held_us} > max_excursion_minutes * 60000000::BIGINT, false)"
    return f"CASE WHEN {long} THEN 'Critical' ELSE {_BAND.format(d=deviation)} END"


_CARRIED = """
CREATE TEMP TABLE carried AS
SELECT shipment_id, assignment_id, license_plate AS plate, driver_id, assignment_start_time AS starts_at,
    assignment_end_time AS ends_at
FROM truck_assignments JOIN vehicles USING (vehicle_id)
WHERE truck_assignments.status <> 'CANCELLED' AND NOT truck_assignments.is_deleted
"""
_FACTS = """
CREATE TEMP TABLE facts AS
SELECT shipment_id, order_id, orders.customer_id, shipment_type, shipments.status, city AS origin_city,
    destination_city, expected_delivery_at, actual_delivery_at, shipments.created_at,
    min_temperature::DOUBLE AS min_threshold, max_temperature::DOUBLE AS max_threshold, max_excursion_minutes,
    year(shipments.created_at)::INT AS year, month(shipments.created_at)::INT AS month
FROM shipments LEFT JOIN orders USING (order_id)
    LEFT JOIN warehouses ON origin_warehouse_id = warehouse_id
    LEFT JOIN shipment_types ON shipment_type = type_name
WHERE is_current
"""
_POINTS = f"""
CREATE TEMP TABLE points AS
WITH matched AS (
    SELECT DISTINCT ON (shipment_id, event_ts, truck_id) shipment_id, truck_id, event_ts, temperature, latitude,
        longitude
    FROM readings JOIN carried ON truck_id = plate AND event_ts >= starts_at
        AND (ends_at IS NULL OR event_ts < ends_at)
    WHERE NOT is_outlier
),
limited AS (
    SELECT matched.*, max_excursion_minutes, exp(-10000.0 / (temperature + 273.15)) AS rate,
        greatest(min_threshold - temperature, temperature - max_threshold, 0.0) AS deviation
    FROM matched JOIN facts USING (shipment_id)
),
gaps AS (
    SELECT *, coalesce(lead(epoch_us(event_ts)) OVER in_time - epoch_us(event_ts), 0) AS gap,
        (rate + coalesce(lead(rate) OVER in_time, 0.0)) / 2 AS mean_rate,
        deviation > 0 AS violates, coalesce(lag(deviation > 0) OVER in_time, false) AS violated
    FROM limited WINDOW in_time AS (PARTITION BY shipment_id ORDER BY event_ts, truck_id)
)
SELECT *, least(gap, {_HOLD_US}) AS held_us, CASE WHEN gap <= {_HOLD_US} THEN gap ELSE 0 END AS span_us,
    CASE WHEN violates THEN (sum((violates AND NOT violated)::INT) OVER (
        PARTITION BY shipment_id ORDER BY event_ts, truck_id ROWS UNBOUNDED PRECEDING))::INT END AS run
FROM gaps
"""
_RUNS = f"""
CREATE TEMP TABLE runs AS
WITH summed AS (
    SELECT shipment_id, run AS excursion_no, min(event_ts) AS started_at, sum(held_us)::BIGINT AS held_us,
        count(*) AS reading_count, any_value(max_excursion_minutes) AS max_excursion_minutes,
        min(struct_pack(below := -deviation, at_ts := event_ts, truck_id, temperature, latitude, longitude)) AS peak,
        max(struct_pack(at_ts := event_ts, truck_id, held_us)) AS last
    FROM points WHERE run IS NOT NULL GROUP BY ALL
)
SELECT shipment_id, peak.truck_id AS truck_id, excursion_no, started_at,
    last.at_ts + to_microseconds(last.held_us) AS ended_at, held_us / 60000000.0 AS minutes, reading_count,
    peak.temperature AS peak_temperature, -peak.below AS peak_deviation, peak.at_ts AS peak_at,
    peak.latitude AS peak_latitude, peak.longitude AS peak_longitude, {_judged("-peak.below", "held_us")} AS severity,
    held_us
FROM summed
"""
EXCURSIONS = """
SELECT runs.* EXCLUDE (held_us), year, month FROM runs JOIN facts USING (shipment_id)
"""
_TRIPS = """
CREATE TEMP TABLE trips AS
SELECT shipment_id, count(*)::INT AS assignment_count, min(starts_at) AS trip_start,
    CASE WHEN bool_and(ends_at IS NOT NULL) THEN max(ends_at) END AS trip_end,
    list(plate ORDER BY starts_at, assignment_id) AS plates,
    list(driver_id ORDER BY starts_at, assignment_id) FILTER (driver_id IS NOT NULL) AS drivers
FROM carried GROUP BY ALL
"""
_TEMPERATURES = """
CREATE TEMP TABLE temperatures AS
SELECT shipment_id, count(*) AS reading_count, avg(temperature) AS avg_temperature,
    min(temperature) AS min_temperature, max(temperature) AS max_temperature,
    var_samp(temperature) AS temperature_variance, count_if(deviation > 0) AS violation_count,
    max(deviation) AS max_deviation, sum(held_us)::BIGINT AS covered_us,
    10000.0 / -ln(CASE WHEN sum(span_us) > 0 THEN sum(span_us * mean_rate) / sum(span_us) ELSE avg(rate) END) - 273.15
        AS mean_kinetic_temperature,
    min(event_ts) AS first_reading_at, max(event_ts) AS last_reading_at
FROM points GROUP BY ALL
"""
_LONGEST = """
CREATE TEMP TABLE longest AS
SELECT shipment_id, count(*) AS excursion_count, sum(held_us) / 60000000.0 AS excursion_minutes,
    max(held_us) AS longest_us
FROM runs GROUP BY ALL
"""
GOLD_STEPS = (_CARRIED, _FACTS, _POINTS, _RUNS, _TRIPS, _TEMPERATURES, _LONGEST)
_LATE_US = "(epoch_us(actual_delivery_at) - epoch_us(expected_delivery_at))"
_MEAN_BEYOND = "greatest(min_threshold - avg_temperature, avg_temperature - max_threshold, 0.0)"
ANALYTICS = f"""
WITH joined AS (
    SELECT * FROM facts LEFT JOIN trips USING (shipment_id) LEFT JOIN temperatures USING (shipment_id)
        LEFT JOIN longest USING (shipment_id)
),
derived AS (
    SELECT *, epoch_us(coalesce(trip_end, last_reading_at)) - epoch_us(trip_start) AS trip_us,
        {_judged("max_deviation", "coalesce(longest_us, 0)")} AS alert_severity
    FROM joined
)
SELECT shipment_id, order_id, customer_id, shipment_type, status, origin_city, destination_city,
    coalesce(list_filter(plates, lambda p, i: list_position(plates, p) = i), []) AS truck_ids,
    coalesce(list_filter(drivers, lambda d, i: list_position(drivers, d) = i), []) AS driver_ids,
    coalesce(assignment_count, 0) AS assignment_count, trip_start, trip_end,
    (epoch_us(trip_end) - epoch_us(trip_start)) / 60000000.0 AS trip_duration_minutes, expected_delivery_at,
    actual_delivery_at, {_LATE_US} / 60000000.0 AS delivery_delay_minutes, {_LATE_US} <= 0 AS is_on_time,
    coalesce(reading_count, 0) AS reading_count, avg_temperature, min_temperature, max_temperature,
    temperature_variance, mean_kinetic_temperature,
    CASE WHEN trip_us > 0 THEN coalesce(covered_us, 0) / trip_us::DOUBLE END AS data_coverage, min_threshold,
    max_threshold, coalesce(violation_count, 0) AS violation_count, max_deviation,
    coalesce(excursion_count, 0) AS excursion_count, coalesce(excursion_minutes, 0.0) AS excursion_minutes,
    coalesce(longest_us, 0) / 60000000.0 AS longest_excursion_minutes, alert_severity <> 'None' AS temperature_alert,
    alert_severity,
    CASE WHEN avg_temperature IS NULL THEN 'None' ELSE {_BAND.format(d=_MEAN_BEYOND)} END AS avg_temperature_severity,
    first_reading_at, last_reading_at, created_at, now()::TIMESTAMP AS updated_at, year, month
FROM derived
"""
