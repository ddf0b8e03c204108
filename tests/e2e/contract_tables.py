"""The columns that the contract names, written down a second time: what others rely on, whatever we declare."""

from __future__ import annotations

SOURCE: dict[str, str] = {
    "customers": "customer_id name email phone address city created_at updated_at",
    "orders": "order_id customer_id order_date total_amount priority status updated_at",
    "shipments": (
        "shipment_id order_id origin_warehouse_id destination_city shipment_type status expected_delivery_at "
        "actual_delivery_at created_at updated_at"
    ),
    "shipment_status_events": "event_id shipment_id status changed_at",
    "vehicles": "vehicle_id license_plate vehicle_type capacity_kg has_refrigeration status created_at updated_at",
    "drivers": "driver_id name phone_number license_number status rating created_at updated_at",
    "warehouses": ("warehouse_id name city state pincode latitude longitude capacity_sqft created_at updated_at"),
    "shipment_types": "type_name min_temperature max_temperature max_excursion_minutes description updated_at",
    "truck_assignments": (
        "assignment_id shipment_id vehicle_id driver_id assignment_start_time assignment_end_time status updated_at"
    ),
}

COLUMNS: dict[str, str] = {
    **{f"bronze.{name}": f"{columns} _ingested_at _run_id _ingestion_date" for name, columns in SOURCE.items()},
    **{
        f"silver.{name}": f"{columns} is_deleted"
        for name, columns in SOURCE.items()
        if name != "shipment_status_events"
    },
    "bronze.iot_telemetry": (
        "truck_id timestamp temperature latitude longitude reading_date source_file _ingested_at _run_id raw_payload"
    ),
    "bronze.processed_files_log": (
        "file_name file_path file_size_bytes record_count rejected_count checksum_md5 processed_at run_id status error"
    ),
    "bronze.rejected_records": (
        "record_id source_table source_file source_key rejection_reason rejection_detail raw_payload layer rejected_at "
        "run_id reprocessing_status rejection_date"
    ),
    "silver.iot_telemetry": (
        "truck_id event_ts temperature latitude longitude is_outlier outlier_reason source_file reading_date"
    ),
    "silver.shipment_status_events": SOURCE["shipment_status_events"],
    "silver.shipments": (
        f"shipment_sk {SOURCE['shipments']} version effective_start_ts effective_end_ts is_current is_deleted"
    ),
    "gold.shipment_analytics": (
        "shipment_id order_id customer_id shipment_type status origin_city destination_city truck_ids driver_ids "
        "assignment_count trip_start trip_end trip_duration_minutes expected_delivery_at actual_delivery_at "
        "delivery_delay_minutes is_on_time reading_count avg_temperature min_temperature max_temperature "
        "temperature_variance mean_kinetic_temperature data_coverage min_threshold max_threshold violation_count "
        "max_deviation excursion_count excursion_minutes longest_excursion_minutes temperature_alert alert_severity "
        "avg_temperature_severity first_reading_at last_reading_at created_at updated_at year month"
    ),
    "gold.temperature_excursions": (
        "shipment_id truck_id excursion_no started_at ended_at minutes reading_count peak_temperature peak_deviation "
        "peak_at peak_latitude peak_longitude severity"
    ),
    # Not of the contract, and others rely on them too.
    "gold.fleet_daily": (
        "truck_id day shipments reading_count outlier_count covered_minutes excursion_count excursion_minutes "
        "minor_excursions major_excursions critical_excursions max_deviation deliveries on_time_deliveries "
        "delay_minutes updated_at year month"
    ),
    "gold.route_daily": (
        "origin_city destination_city day shipments deliveries on_time_deliveries delay_minutes excursion_count "
        "excursion_minutes minor_alerts major_alerts critical_alerts updated_at year month"
    ),
    "ops.dq_metrics": "run_id layer table_name check_name severity status value threshold detail checked_at",
    "ops.pipeline_runs": (
        "run_id dag_id logical_date started_at ended_at duration_s state run_type bronze_rows silver_rows gold_rows "
        "rejected_rows"
    ),
    "ops.task_runs": "run_id task_id try_number started_at ended_at duration_s state error",
}
